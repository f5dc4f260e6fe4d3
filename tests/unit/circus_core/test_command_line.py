"""Words of command lines."""

from __future__ import annotations

from typing import Any

import pytest

from circus_core.command_line import build, names_a_socket
from circus_core.errors import SpawnError
from circus_core.options import WatcherConfig


def argv(cmd: str, args: Any = "", *, wid: int = 3, **options: Any) -> tuple[str, ...]:
    config = WatcherConfig(name="w", cmd=cmd, args=args, **options)
    return build(config, wid, sockets={"web": 7, "my.api": 8})


@pytest.mark.parametrize(
    ("cmd", "args", "words"),
    [
        pytest.param("sleep 60", "", ("sleep", "60"), id="split"),
        pytest.param("sleep", None, ("sleep",), id="no-args"),
        pytest.param("a 'b c' \"d e\" f\\ g", "", ("a", "b c", "d e", "f g"), id="quotes"),
        pytest.param("a", "b 'c d'", ("a", "b", "c d"), id="args-are-split"),
        pytest.param("a", ("b c", "'d'"), ("a", "b c", "'d'"), id="list-is-not-split"),
        pytest.param("a # b", "", ("a", "#", "b"), id="no-comments"),
        pytest.param("a '' b", "", ("a", "", "b"), id="empty-word"),
        pytest.param("a; b | $HOME > c", "", ("a;", "b", "|", "$HOME", ">", "c"), id="no-shell"),
        pytest.param("a\nb", "", ("a", "b"), id="lines"),
    ],
)
def test_words(cmd: str, args: Any, words: tuple[str, ...]) -> None:
    assert argv(cmd, args) == words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(circus.wid)", "3"),
        ("((circus.wid))", "3"),
        ("$(CIRCUS.WID)", "3"),
        ("$WID", "3"),
        ("$(WID)", "3"),
        ("$wid", "3"),
        ("x$WID.log", "x3.log"),
        ("$WIDTH", "$WIDTH"),
        ("$(circus.sockets.web)", "7"),
        ("$(circus.sockets.WEB)", "7"),
        ("$(Circus.Sockets.My.Api)", "8"),
        ("$(circus.sockets.none)", "$(circus.sockets.none)"),
        ("$(circus.env.A)", "a"),
        ("$(circus.env.lower)", "l"),
        ("$(circus.env.a)", "a"),
        ("$(ENV.A)", "a"),
        ("$(env.A)", "a"),
        ("$(circus.env.NONE)", "$(circus.env.NONE)"),
        ("$(circus.uid)", "None"),
        ("$(circus.gid)", "users"),
        ("$(circus.numprocesses)", "4"),
        ("$(circus.shell)", "False"),
        ("$(circus.use_fds)", "True"),
        ("$(circus.use_sockets)", "True"),
        ("$(circus.max_retry)", "5"),
        ("$(circus.stop_signal)", "15"),
        ("$(circus.working_dir)", "/tmp"),
        ("$(circus.rlimits.nofile)", "9"),
        ("$(circus.rlimits.core)", "$(circus.rlimits.core)"),
        ("$(circus.respawn)", "True"),
        ("$(circus.name)", "$(circus.name)"),
        ("$(circus.mine)", "$(circus.mine)"),
        ("$(circus.nope)", "$(circus.nope)"),
        ("$(circus.env.A)$(circus.wid)", "a3"),
        ("$(circus.env.NESTED)", "$(circus.wid)"),
        ("${circus.wid}", "${circus.wid}"),
        ("$(circus.)", "$(circus.)"),
    ],
)
def test_variables(text: str, value: str) -> None:
    options = {
        "env": {"A": "a", "lower": "l", "NESTED": "$(circus.wid)"},
        "gid": "users",
        "numprocesses": 4,
        "use_sockets": True,
        "working_dir": "/tmp",
        "rlimits": {"nofile": 9},
        "extra": {"mine": "1"},
    }

    assert argv(f"a {text}", "b", **options) == ("a", value, "b")
    assert argv("a", f"-- {text}", **options) == ("a", "--", value)
    assert argv("a", (text,), **options) == ("a", value)


def test_value_with_spaces_becomes_several_words() -> None:
    env = {"OPTS": "-a 'b c'", "NONE": ""}

    assert argv("x $(circus.env.OPTS) $(circus.env.NONE) y", env=env) == ("x", "-a", "b c", "y")
    assert argv("x '$(circus.env.NONE)'", env=env) == ("x", "")
    assert argv("x", ("$(circus.env.OPTS)",), env=env) == ("x", "-a 'b c'")


def test_quoted_variables() -> None:
    assert argv("a '$WID b' \"c $(circus.wid)\" d\\$WID") == ("a", "3 b", "c 3", "d3")


def test_args_stand_for_themselves() -> None:
    assert argv("a $(circus.args)", "b c") == ("a", "b", "c", "b", "c")
    assert argv("a $(circus.args)", ("b", "c")) == ("a", "b", "c", "b", "c")


def test_each_process_has_its_own_slot() -> None:
    assert [argv("a $WID", wid=wid) for wid in (1, 2)] == [("a", "1"), ("a", "2")]


def test_shell_gets_the_text_as_it_is() -> None:
    assert argv("echo hi; echo $HOME | cat > '$WID'", "a  b", shell=True) == (
        "/bin/sh",
        "-c",
        "echo hi; echo $HOME | cat > '3' a  b",
    )


def test_shell_with_a_list_of_arguments_quotes_them() -> None:
    assert argv("echo", ("a b", "$x"), shell=True)[2] == "echo 'a b' '$x'"


def test_shell_arguments() -> None:
    assert argv("echo $1", shell=True, shell_args="zero 'one $WID'")[2:] == ("echo $1", "zero", "one 3")
    assert argv("echo", shell_args="zero") == ("echo",)


def test_executable_is_the_shell() -> None:
    assert argv("echo", shell=True, executable="/bin/bash") == ("/bin/bash", "-c", "echo")


def test_unbalanced_quote_is_no_matter_with_shell() -> None:
    assert argv("cat <<E\nit's\nE", shell=True)[2] == "cat <<E\nit's\nE"


@pytest.mark.parametrize(
    ("cmd", "env", "error"),
    [
        ("", {}, "has no word"),
        ("$(circus.env.E)", {"E": ""}, "has no word"),
        ("a 'b", {}, "No closing quotation"),
        ("a $(circus.env.E)", {"E": "it's"}, "No closing quotation"),
    ],
)
def test_what_cannot_be_split(cmd: str, env: dict[str, str], error: str) -> None:
    with pytest.raises(SpawnError, match=error):
        argv(cmd, env=env)


@pytest.mark.parametrize(
    ("cmd", "args", "names"),
    [
        ("a --fd $(circus.sockets.Web)", "", {"web"}),
        ("a", "--fd ((circus.sockets.a.b))", {"a.b"}),
        ("a", ("$(circus.sockets.x)", "$(circus.sockets.y)"), {"x", "y"}),
        ("a $(circus.sockets) $(circus.wid) circus.sockets.web", None, set()),
    ],
)
def test_sockets_that_it_names(cmd: str, args: Any, names: set[str]) -> None:
    assert names_a_socket(WatcherConfig(name="w", cmd=cmd, args=args)) == names
