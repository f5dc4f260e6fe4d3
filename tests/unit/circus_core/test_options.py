"""What commands read of a watcher's options, and what they change."""

from __future__ import annotations

import dataclasses
import os
import signal
from typing import Any

import pytest

from circus_core.errors import MessageError
from circus_core.options import (
    CircusConfig,
    HookConfig,
    OnChange,
    PluginConfig,
    Respawn,
    SocketConfig,
    StreamConfig,
    WatcherConfig,
    get_watcher_option,
    make_watcher_config,
    set_watcher_options,
    table,
    watcher_options,
)

REPLY_KEYS = {
    *("args", "close_child_stderr", "close_child_stdin", "close_child_stdout", "cmd", "copy_env", "env", "executable"),
    *("gid", "graceful_timeout", "max_age", "max_age_variance", "max_retry", "numprocesses", "on_demand", "priority"),
    *("respawn", "send_hup", "shell", "shell_args", "singleton", "stderr_stream_conf", "stdout_stream_conf"),
    *("stop_children", "stop_signal", "uid", "use_sockets", "warmup_delay", "working_dir"),
}
WATCHER = WatcherConfig(name="w", cmd="sleep 1", extra={"flapping.window": "1"})


def changed(options: dict[str, Any], config: WatcherConfig = WATCHER) -> WatcherConfig:
    return set_watcher_options(config, options, environ={"E": "e"})[0]


@pytest.mark.parametrize("config_type", [CircusConfig, WatcherConfig, SocketConfig, PluginConfig])
def test_every_row_has_a_doc_and_a_default_of_its_kind(config_type: type[Any]) -> None:
    for row in table(config_type).values():
        assert row.doc.endswith("."), row.name
        assert getattr(config_type, row.name, row.default) is not None or row.default is None
        shown = row.kind.show(row.default)
        if shown is not None and row.kind.json_types and not isinstance(shown, list):
            assert row.accept(shown) == row.default, row.name


def test_reply_of_options() -> None:
    reply = watcher_options(make_watcher_config("w", "sleep 1", ["a", "b"], {"env": {"A": "1"}, "stop_signal": 9}))

    assert set(reply) == REPLY_KEYS
    assert (reply["args"], reply["env"], reply["stop_signal"], reply["respawn"]) == (["a", "b"], {"A": "1"}, 9, True)
    assert reply["stdout_stream_conf"] is None


def test_reply_has_free_form_options_and_stream_options_without_class() -> None:
    config = WatcherConfig(
        name="w", extra={"mine": "1"}, stdout_stream=StreamConfig("FileStream", {"filename": "f"}), uid="0"
    )
    reply = watcher_options(config)

    assert (reply["mine"], reply["stdout_stream_conf"], reply["uid"]) == ("1", {"filename": "f"}, "0")
    assert reply["working_dir"] == os.getcwd()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cmd", "sleep 1"),
        ("autostart", True),
        ("flapping.window", "1"),
        ("rlimit_nofile", 7),
        ("hooks.before_start", "a.b"),
        ("stdout_stream.class", "S"),
        ("stdout_stream.x", 3),
        ("respawn", "on-failure"),
        ("max_retry", 5),
    ],
)
def test_get(key: str, value: object) -> None:
    config = changed(
        {
            "rlimit_nofile": 7,
            "hooks.before_start": "a.b",
            "stdout_stream": {"class": "S", "x": 3},
            "respawn": "on-failure",
        }
    )

    assert get_watcher_option(config, key) == value


@pytest.mark.parametrize(
    "key", ["zzz", "hooks.after_start", "rlimit_core", "stderr_stream.x", "stdout_stream.", "name"]
)
def test_get_of_what_is_not_there(key: str) -> None:
    with pytest.raises(MessageError, match=f"'{key}' option not found"):
        get_watcher_option(WATCHER, key)


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("numprocesses", 3, "numprocesses", 3),
        ("numprocesses", "3", "numprocesses", 3),
        ("numprocesses", -3, "numprocesses", 0),
        ("max_retry", -1, "max_retry", -1),
        ("stop_signal", 2, "stop_signal", 2),
        ("stop_signal", "INT", "stop_signal", signal.SIGINT),
        ("graceful_timeout", 3, "graceful_timeout", 3.0),
        ("graceful_timeout", "0.5", "graceful_timeout", 0.5),
        ("respawn", False, "respawn", Respawn.NEVER),
        ("respawn", "on-failure", "respawn", Respawn.ON_FAILURE),
        ("singleton", True, "singleton", True),
        ("send_hup", "yes", "send_hup", True),
        ("uid", "root", "uid", 0),
        ("uid", 0, "uid", 0),
        ("gid", "0", "gid", 0),
        ("uid", None, "uid", None),
        ("cmd", "other", "cmd", "other"),
        ("args", ["a b", 3], "args", ("a b", "3")),
        ("args", "a b", "args", "a b"),
        ("env", {"A": "1"}, "env", {"A": "1"}),
        ("env", "A=1,B=2", "env", {"A": "1", "B": "2"}),
        ("hooks", {"after_stop": "a.b,true"}, "hooks", {"after_stop": HookConfig("a.b", True)}),
        ("hooks", {"after_stop": ["a.b", True]}, "hooks", {"after_stop": HookConfig("a.b", True)}),
        (
            "hooks",
            "after_stop:a.b,before_stop:c.d",
            "hooks",
            {"after_stop": HookConfig("a.b"), "before_stop": HookConfig("c.d")},
        ),
        ("hooks.after_stop", "a.b", "hooks", {"after_stop": HookConfig("a.b")}),
        ("rlimit_nofile", 10, "rlimits", {"nofile": 10}),
        ("rlimit_NOFILE", None, "rlimits", {"nofile": None}),
        ("rlimit_nofile", "10", "rlimits", {"nofile": 10}),
        ("stdout_stream", {"class": "S", "a": 1}, "stdout_stream", StreamConfig("S", {"a": 1})),
        ("stdout_stream", None, "stdout_stream", None),
        ("stderr_stream.filename", "f", "stderr_stream", StreamConfig("FileStream", {"filename": "f"})),
        ("stderr_stream.class", "StdoutStream", "stderr_stream", StreamConfig("StdoutStream", {})),
        ("flapping.window", 2, "extra", {"flapping.window": 2}),
        ("retry_in", 2.5, "extra", {"flapping.window": "1", "retry_in": 2.5}),
        ("listen_fds", ["a"], "listen_fds", ("a",)),
    ],
)
def test_set(key: str, value: object, field: str, expected: object) -> None:
    assert getattr(changed({key: value}), field) == expected


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"numprocesses": 2}, OnChange.NOTHING),
        ({"hooks.after_stop": "a.b"}, OnChange.NOTHING),
        ({"graceful_timeout": 1, "cmd": "x"}, OnChange.RELOAD),
        ({"env": {}}, OnChange.RELOAD),
        ({"rlimit_core": 1}, OnChange.RELOAD),
        ({"close_child_stdout": True}, OnChange.RELOAD),
        ({"max_age": 3}, OnChange.RELOAD),
        ({"stdout_stream.class": "S"}, OnChange.RELOAD),
        ({"flapping.window": "3"}, OnChange.NOTHING),
        ({"max_retry": 3, "respawn": False, "singleton": True}, OnChange.NOTHING),
        ({}, OnChange.NOTHING),
    ],
)
def test_what_set_needs(options: dict[str, Any], needed: OnChange) -> None:
    assert set_watcher_options(WATCHER, options)[1] is needed


def test_stream_that_is_there_is_changed_without_new_processes() -> None:
    config = changed({"stdout_stream.class": "FileStream", "stdout_stream.filename": "a"})
    config, needed = set_watcher_options(config, {"stdout_stream.filename": "b"})

    assert config.stdout_stream == StreamConfig("FileStream", {"filename": "b"})
    assert needed is OnChange.NOTHING


def test_copy_env_is_applied_and_env_replaces_all() -> None:
    config = changed({"copy_env": True}, changed({"env": {"A": "1"}}))

    assert config.env == {"A": "1", "E": "e"}
    assert changed({"copy_env": False}, config).env == {"A": "1"}
    assert changed({"env": {"B": "2"}}, config).env == {"B": "2"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"bogus": 1}, "unknown key 'bogus'"),
        ({"numproceses": 1}, "unknown key 'numproceses'; did you mean 'numprocesses'?"),
        ({"": 1}, "unknown key ''"),
        ({"name": "x"}, "unknown key 'name'"),
        ({"extra": {}}, "unknown key 'extra'"),
        ({"own_env": {}}, "unknown key 'own_env'"),
        ({"rlimits": {}}, "unknown key 'rlimits'"),
        ({"rlimit_": 1}, "unknown key 'rlimit_'"),
        ({"numprocesses": "x"}, "'numprocesses' isn't an integer"),
        ({"numprocesses": 1.5}, "'numprocesses' isn't an integer"),
        ({"numprocesses": True}, "'numprocesses' isn't an integer"),
        ({"numprocesses": None}, "'numprocesses' isn't an integer"),
        ({"numprocesses": [1]}, "'numprocesses' isn't an integer"),
        ({"stop_signal": "FOO"}, "'stop_signal' isn't an integer"),
        ({"stop_signal": 1000}, "'stop_signal' isn't an integer"),
        ({"warmup_delay": "soon"}, "'warmup_delay' isn't a number"),
        ({"warmup_delay": -1}, "'warmup_delay' isn't a number"),
        ({"warmup_delay": float("nan")}, "'warmup_delay' isn't a number"),
        ({"retry_in": "soon"}, "not a number"),
        ({"retry_in": {}}, "'retry_in' isn't a number"),
        ({"uid": 1.5}, "'uid' isn't an integer or string"),
        ({"uid": "no-such-user"}, "'uid': no user of this machine is named 'no-such-user'"),
        ({"gid": "no-such-group"}, "'gid': no group of this machine is named 'no-such-group'"),
        ({"uid": 10**30}, "is not from 0 to"),
        ({"uid": -1}, "is not from 0 to"),
        ({"gid": 2**32 - 1}, "is not from 0 to"),
        ({"send_hup": "maybe"}, "'send_hup' isn't a valid boolean"),
        ({"send_hup": 1}, "'send_hup' isn't a valid boolean"),
        ({"env": [1]}, "'env' isn't a valid object"),
        ({"env": {"A": 1}}, "'A' isn't a string"),
        ({"env": {"A=B": "1"}}, "cannot be the name of a variable"),
        ({"env": {"A": "\0"}}, "cannot be the name of a variable"),
        ({"env": "A"}, "not NAME=VALUE"),
        ({"cmd": ""}, "'cmd'"),
        ({"cmd": 3}, "'cmd' isn't a string"),
        ({"cmd": "a 'b"}, "'cmd'.*closing quotation"),
        ({"cmd": "a\0b"}, "null character"),
        ({"args": {"a": 1}}, "'args' isn't a string or list"),
        ({"args": [["a"]]}, "'args' isn't a string or list"),
        ({"hooks": {"bogus": "a.b"}}, "Unknown hook 'bogus'"),
        ({"hooks": 3}, "'hooks' isn't a valid object"),
        ({"hooks.before_start": 3}, "'before_start' isn't a string"),
        ({"hooks.before_start": ""}, "names no function"),
        ({"hooks.before_start": "a,maybe"}, "'maybe' is not a boolean"),
        ({"hooks.bogus": "a.b"}, "Unknown hook 'bogus'"),
        ({"rlimit_bogus": 3}, "'rlimit_bogus' isn't a valid rlimit setting"),
        ({"rlimit_nofile": "x"}, "'rlimit_nofile' isn't a valid rlimit setting"),
        ({"rlimit_nofile": 1.5}, "'rlimit_nofile' isn't a valid rlimit setting"),
        ({"rlimit_nofile": True}, "'rlimit_nofile' isn't a valid rlimit setting"),
        ({"stdout_stream": {}}, "'stdout_stream' must have a 'class' key"),
        ({"stdout_stream": "FileStream"}, "'stdout_stream' must have a 'class' key"),
        ({"stdout_stream.max_bytes": 3}, "'stdout_stream' must have a 'class' key"),
        ({"numprocesses": 2, "singleton": True}, "Singleton watcher has a single process"),
        ({"copy_path": True}, "does nothing without copy_env"),
    ],
)
def test_what_set_refuses(options: dict[str, Any], error: str) -> None:
    with pytest.raises(MessageError, match=error):
        set_watcher_options(WATCHER, options)


def test_add() -> None:
    config = make_watcher_config(
        "new guy",
        "sleep $WID",
        None,
        {"numprocesses": 2, "rlimit_nofile": 5, "uid": "root", "copy_env": True, "env": {"A": "1"}},
        environ={"E": "e"},
    )

    assert (config.name, config.cmd, config.args, config.numprocesses) == ("new guy", "sleep $WID", None, 2)
    assert (config.rlimits, config.uid, config.env) == ({"nofile": 5}, "root", {"E": "e", "A": "1"})
    assert config.working_dir == os.getcwd()


@pytest.mark.parametrize(
    ("name", "cmd", "options", "error"),
    [
        ("", "a", {}, "'name' is empty"),
        (" ", "a", {}, "'name' is empty"),
        ("w", "", {}, "'cmd' isn't a string"),
        ("w", "a", {"bogus": 1}, "unknown key 'bogus'"),
        ("w", "a", {"mine.option": 1}, "unknown key 'mine.option'"),
        ("w", "a", {"singleton": True, "numprocesses": 2}, "Singleton watcher has a single process"),
        ("w", "a", {"stop_signal": "X"}, "'stop_signal' isn't an integer"),
    ],
)
def test_what_add_refuses(name: str, cmd: str, options: dict[str, Any], error: str) -> None:
    with pytest.raises(MessageError, match=error):
        make_watcher_config(name, cmd, None, options)


def test_rows_of_extensions_can_be_added() -> None:
    with pytest.raises(MessageError):
        set_watcher_options(WATCHER, {"x": 1})
    rows = {**table(WatcherConfig), "x": dataclasses.replace(table(WatcherConfig)["max_age"], name="x")}

    config, needed = set_watcher_options(WATCHER, {"x": "3"}, rows=rows)
    assert (config.extra["x"], needed) == (3, OnChange.RELOAD)
    with pytest.raises(MessageError, match="'x' isn't an integer"):
        set_watcher_options(WATCHER, {"x": "no"}, rows=rows)
