"""``circus.config`` and ``circus.commands``: mappings and messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from circus.arbiter import Arbiter
from circus.commands import error, get_commands, ok
from circus.commands.base import Command
from circus.commands.util import convert_option, validate_option
from circus.config import DefaultConfigParser, get_config, read_config, rlimit_value, watcher_defaults
from circus.exc import ArgumentError, MessageError
from circus.watcher import Watcher
from circus_core.compat import commands
from circus_core.errors import ConfigErrors

INI = """
[circus]
httpd = 1
endpoint = tcp://127.0.0.1:7755
include = more.ini
[watcher:a]
cmd = sleep 3
rlimit_nofile = 100
stdout_stream.class = StdoutStream
hooks.before_start = os.getcwd,true
mine = bar
stop_signal = INT
[socket:s]
port = 0
[plugin:p]
use = os.getcwd
z = 1
[env:a]
X = 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "more.ini").write_text("[watcher:b]\ncmd = true\n")
    path = tmp_path / "circus.ini"
    path.write_text(INI)
    return path


def test_get_config_gives_values_and_lists(path: Path) -> None:
    config = get_config(path)
    assert (config["httpd"], config["endpoint"], config["check_delay"]) == (True, "tcp://127.0.0.1:7755", 5.0)
    a, b = config["watchers"]
    assert (a["name"], a["cmd"], a["mine"], a["stop_signal"], b["name"]) == ("a", "sleep 3", "bar", 2, "b")
    assert a["rlimits"] == {"nofile": 100}
    assert a["stdout_stream"] == {"class": "StdoutStream"}
    assert a["hooks"] == {"before_start": ("os.getcwd", True)}
    assert a["env"] == {"X": "1"}
    assert [(sock["name"], sock["port"]) for sock in config["sockets"]] == [("s", 0)]
    assert config["plugins"] == [{"name": "plugin:p", "use": "os.getcwd", "z": "1", "priority": 1}]


def test_watcher_can_be_made_of_what_get_config_gives(path: Path) -> None:
    options = get_config(path)["watchers"][0]
    watcher = Watcher.load_from_config(dict(options))
    assert (watcher.name, watcher.cmd, watcher.rlimits) == ("a", "sleep 3", {"nofile": 100})
    assert watcher._options.get("mine") == "bar"
    assert "before_start" in watcher.ignore_hook_failure


def test_parts_of_a_config_are_found(path: Path) -> None:
    config, arbiter = get_config(path), Arbiter([], None, None)
    assert arbiter.get_watcher_config(config, "b")["cmd"] == "true"
    assert arbiter.get_plugin_config(config, "plugin:p")["use"] == "os.getcwd"
    assert arbiter.get_watcher_config(config, "c") is None
    assert "watchers" not in arbiter.get_arbiter_config(config)


def test_bad_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.ini"
    path.write_text("[watcher:a]\nnumprocesses = many\n")
    with pytest.raises(ConfigErrors):
        get_config(path)
    with pytest.raises(ConfigErrors):
        read_config(tmp_path / "missing.ini")


def test_read_config_gives_text(path: Path) -> None:
    parser, files = read_config(path)
    assert isinstance(parser, DefaultConfigParser)
    assert parser.get("watcher:a", "hooks.before_start") == "os.getcwd,true"
    assert files == [str(path), str(path.parent / "more.ini")]
    assert parser.dget("watcher:a", "rlimit_nofile", type=int) == 100
    assert parser.dget("circus", "httpd", type=bool) is True
    assert parser.dget("circus", "nope", 7) == 7


def test_defaults_and_limits() -> None:
    defaults = watcher_defaults()
    assert (defaults["numprocesses"], defaults["respawn"], defaults["graceful_timeout"]) == (1, True, 30.0)
    assert [rlimit_value(text) for text in ("5", "", None)] == [5, -1, -1]
    with pytest.raises(ValueError, match=r"\S"):
        rlimit_value("x")


def test_commands_make_messages() -> None:
    known = get_commands()
    assert known["incr"].message("web", "2") == {"command": "incr", "properties": {"name": "web", "nb": 2}}
    assert known["list"].message() == {"command": "list", "properties": {}}
    assert known["incr"].make_message(name="x") == {"command": "incr", "properties": {"name": "x"}}
    assert known["incr"].properties == ["name"]
    assert known["listen"].msg_type == "sub"
    assert known["incr"].console_msg({"status": "ok", "numprocesses": 2}) == "2"
    assert known["incr"].console_msg({"status": "error", "reason": "r"}) == "error: r"
    with pytest.raises(ArgumentError):
        known["incr"].message()
    with pytest.raises(MessageError, match="'name' is missing"):
        known["incr"].validate({})


def test_replies() -> None:
    assert {**ok({"a": 1}), "time": 0} == {"status": "ok", "time": 0, "a": 1}
    assert {**error("why", errno=3), "time": 0} == {
        "status": "error",
        "reason": "why",
        "tb": None,
        "time": 0,
        "errno": 3,
    }


@pytest.fixture
def _forgets() -> Iterator[None]:
    before = dict(commands._known)
    yield
    commands._known.clear()
    commands._known.update(before)


@pytest.mark.usefixtures("_forgets")
def test_subclass_is_known_at_once() -> None:
    class Mine(Command):
        name = "mine"
        properties = ("name",)

        def message(self, *args: Any, **opts: Any) -> dict[str, Any]:
            return self.make_message(name=args[0])

    found = get_commands()["mine"]
    assert isinstance(found, Mine)
    assert found.message("x") == {"command": "mine", "properties": {"name": "x"}}
    assert isinstance(found.copy(), Mine)
    with pytest.raises(MessageError, match="program nope not found"):
        found._get_watcher(Arbiter([], None, None), "nope")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("numprocesses", "3", 3),
        ("shell", "1", True),
        ("uid", "root", "root"),
        ("stop_signal", "TERM", 15),
        ("env", "A=1,B=2", {"A": "1", "B": "2"}),
        ("hooks", "before_start:a.b", {"before_start": "a.b"}),
        ("hooks.before_start", "a.b", "a.b"),
        ("stdout_stream.class", "X", "X"),
        ("rlimit_nofile", "5", 5),
    ],
)
def test_convert_option(key: str, text: str, value: Any) -> None:
    assert convert_option(key, text) == value


@pytest.mark.parametrize(("key", "text"), [("nope", "1"), ("numprocesses", "x"), ("hooks.nope", "x")])
def test_convert_option_refuses(key: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=key):
        convert_option(key, text)


def test_validate_option() -> None:
    validate_option("numprocesses", 3)
    validate_option("env", {"a": "b"})
    for key, value in {"numprocesses": "x", "env": {"a": 1}, "foo": 1, "stdout_stream": {}}.items():
        with pytest.raises(MessageError):
            validate_option(key, value)
