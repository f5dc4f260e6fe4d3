"""What commands make of the words of a command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from circus_core.errors import UsageError
from circus_core.registry import Registry
from circus_core.usage import HelpRequested

REGISTRY = Registry()


def given(line: str) -> dict[str, Any]:
    """Return the arguments that a command line gives, but those that have their defaults."""
    name, *words = line.split()
    args = REGISTRY.command(name).parse_words(words)
    defaults = {"waiting": False, "pid": None, "childpid": None, "children": False, "recursive": False}
    return {key: value for key, value in asdict(args).items() if key not in defaults or value != defaults[key]}


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("signal web TERM", {"name": "web", "signum": "TERM"}),
        ("signal web 12 --recursive 9", {"name": "web", "pid": 12, "signum": 9, "recursive": True}),
        ("kill web 12 --signum KILL", {"name": "web", "pid": 12, "signum": "KILL", "graceful_timeout": None}),
        ("kill web --graceful_timeout 2", {"name": "web", "signum": None, "graceful_timeout": 2.0}),
        ("kill web --waiting", {"name": "web", "signum": None, "graceful_timeout": None, "waiting": True}),
        ("rm web --nostop --waiting", {"name": "web", "nostop": True, "waiting": True}),
        ("reload --terminate", {"name": None, "graceful": False, "terminate": False, "sequential": False}),
        ("reloadconfig --dry-run", {"dry_run": True}),
        ("incr web 3", {"name": "web", "nb": 3}),
        (
            "add --start web sleep 10 --x",
            {"name": "web", "cmd": "sleep 10 --x", "args": None, "options": None, "start": True},
        ),
        ("set web numprocesses 3 --waiting", {"name": "web", "options": {"numprocesses": 3}, "waiting": True}),
        ("set --waiting web ARGS --waiting", {"name": "web", "options": {"args": "--waiting"}, "waiting": True}),
    ],
)
def test_words_give_arguments(line: str, args: dict[str, Any]) -> None:
    assert given(line) == args


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("numprocesses", "3", 3),
        ("max_age", "0", 0),
        ("stop_signal", "SIGINT", 2),
        ("stop_signal", "15", 15),
        ("graceful_timeout", "2", 2.0),
        ("retry_in", "7", 7.0),
        ("uid", "33", "33"),
        ("send_hup", " Yes", True),
        ("copy_env", "off", False),
        ("singleton", "1", True),
        ("respawn", "no", False),
        ("respawn", "on-failure", "on-failure"),
        ("env", "A=1,B=x=y", {"A": "1", "B": "x=y"}),
        ("cmd", "sleep 5", "sleep 5"),
        ("args", "-v", "-v"),
        ("hooks", "before_start:a.b,after_stop:c.d", {"before_start": "a.b", "after_stop": "c.d"}),
        ("hooks.before_start", "a.b,true", "a.b,true"),
        ("stdout_stream.max_bytes", "4096", 4096),
        ("stderr_stream.filename", "/tmp/x", "/tmp/x"),
        ("rlimit_nofile", "500", 500),
        ("rlimit_core", "infinity", None),
        ("health.interval", "5", "5"),
    ],
)
def test_values_of_options_become_what_the_daemon_wants(key: str, text: str, value: Any) -> None:
    assert REGISTRY.command("set").parse_words(["web", key, text]).options == {key: value}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["web"], "Invalid number of arguments"),
        (["web", "numprocesses"], "Invalid number of arguments"),
        (["web", "a", "1", "b"], "Invalid number of arguments"),
        (["web", "bogus", "1"], "unknown key 'bogus'"),
        (["web", "numproceses", "1"], "unknown key 'numproceses'; did you mean 'numprocesses'?"),
        (["web", "numprocesses", "x"], "numprocesses: 'x' cannot be used: not a whole number"),
        (["web", "send_hup", "maybe"], "send_hup: 'maybe' cannot be used: 'maybe' is not a boolean"),
        (["web", "env", "x"], "env: 'x' cannot be used"),
        (["web", "hooks.bogus", "a.b"], "Unknown hook 'bogus'"),
        (["web", "stdout_stream", "x"], "unknown key 'stdout_stream'"),
    ],
)
def test_wrong_words_of_set_end_with_exit_code_1(words: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        REGISTRY.command("set").parse_words(words)
    assert str(caught.value).startswith(text)
    assert caught.value.exit_code == 1


def test_unknown_option_of_set_ends_with_exit_code_2() -> None:
    with pytest.raises(UsageError) as caught:
        REGISTRY.command("set").parse_words(["web", "--json", "a", "1"])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", REGISTRY.command_names())
def test_every_command_explains_itself(name: str) -> None:
    command = REGISTRY.command(name)
    assert command.__doc__
    assert command.__doc__.splitlines()[0].endswith(".")
    assert all(prop.doc for prop in command.properties)
    with pytest.raises(HelpRequested):
        command.parse_words(["--help"])
