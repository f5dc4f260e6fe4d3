"""Which watcher runs a plugin."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from circus_core.config import Config
from circus_core.errors import ConfigError
from circus_core.options import CircusConfig, PluginConfig, StreamConfig, WatcherConfig
from circus_core.plugin_watchers import connectable, grouped, plugin_watchers, process_config


def plugin(name: str = "p", group: str | None = None, priority: int = 1, /, **options: str) -> PluginConfig:
    return PluginConfig(name=f"plugin:{name}", use=f"{name}.Class", group=group, priority=priority, options=options)


def watchers(*plugins: PluginConfig, **circus: Any) -> list[WatcherConfig]:
    config = Config(circus=CircusConfig(**circus), plugins=plugins)
    return list(plugin_watchers(config, endpoint="tcp://*:1", pubsub_endpoint="ipc:///p", environ={"A": "1"}))


def words(config: WatcherConfig) -> list[str]:
    assert isinstance(config.args, tuple)
    return list(config.args)


def test_plugin_becomes_a_singleton_with_the_environment_of_circusd() -> None:
    (watcher,) = watchers(plugin(x="a b"), check_delay=0.5, loglevel="warning")

    assert (watcher.name, watcher.singleton, watcher.numprocesses, watcher.priority) == ("plugin:p", True, 1, 1)
    assert watcher.env["A"] == "1" and "PYTHONPATH" in watcher.env
    assert words(watcher) == [
        *("--endpoint", "tcp://127.0.0.1:1", "--pubsub", "ipc:///p", "--check-delay", "0.5", "--log-level", "warning"),
        *("--config", "name:plugin:p:::x:a b", "--", "p.Class"),
    ]


def test_plugins_of_a_group_are_one_watcher() -> None:
    first, second = watchers(plugin("a", "g", 3, x="1"), plugin("b"), plugin("c", "g", 2, y="2"))

    assert (first.name, first.priority, dict(first.extra)) == ("plugin:g", 3, {"x": "1", "y": "2"})
    assert words(first)[-7:] == [
        *("--config", "group:g:::name:plugin:a:::x:1", "--config", "group:g:::name:plugin:c:::y:2"),
        *("--", "a.Class", "c.Class"),
    ]
    assert second.name == "plugin:b"
    assert list(grouped([plugin("a", "g"), plugin("b"), plugin("c", "g")])) == ["plugin:g", "plugin:b"]


@pytest.mark.parametrize(
    ("circus", "options", "stdout", "stderr"),
    [
        pytest.param({}, {}, "discarded", "as circusd's", id="default"),
        pytest.param({"logoutput": "/var/log/x"}, {}, "discarded", "discarded", id="log in a file"),
        pytest.param({"debug": True}, {}, "StdoutStream", "StdoutStream", id="debug"),
        pytest.param({}, {"stdout_stream.class": "FileStream"}, "FileStream", "as circusd's", id="stream of its own"),
        pytest.param({}, {"close_child_stderr": "yes"}, "discarded", "discarded", id="closed"),
    ],
)
def test_what_a_plugin_prints_is_discarded_but_for_debug(
    circus: dict[str, Any], options: dict[str, str], stdout: str, stderr: str
) -> None:
    (watcher,) = watchers(plugin(**options), **circus)

    def goes(is_closed: bool, stream: StreamConfig | None) -> str:
        return "discarded" if is_closed else str(stream.class_name) if stream else "as circusd's"

    assert goes(watcher.close_child_stdout, watcher.stdout_stream) == stdout
    assert goes(watcher.close_child_stderr, watcher.stderr_stream) == stderr
    assert ("--log-output" in words(watcher)) == ("logoutput" in circus)


def test_watcher_options_of_the_section_are_converted() -> None:
    options = {"graceful_timeout": "2", "stop_signal": "INT", "rlimit_core": "0", "respawn": "False", "other": "False"}
    config = process_config("plugin:p", [plugin(**options)])

    assert (config.graceful_timeout, config.stop_signal) == (2.0, signal.SIGINT)
    assert config.rlimits == {"core": 0} and config.respawn.value == "never"
    assert config.extra == {"other": "False"}


@pytest.mark.parametrize("option", ["cmd", "args", "shell", "singleton", "executable", "max_retry"])
def test_what_runs_is_not_taken_from_the_section(option: str) -> None:
    config = process_config("plugin:p", [plugin(**{option: "-1"})])

    assert getattr(config, option) == getattr(process_config("plugin:p", [plugin()]), option)


def test_bad_option_is_told_with_its_section() -> None:
    with pytest.raises(ConfigError, match=r"\[plugin:p\] graceful_timeout = 'x': .*not a number; write a number"):
        process_config("plugin:p", [plugin(graceful_timeout="x")])
    with pytest.raises(ConfigError, match=r"\[plugin:p\] rlimit_foo = '1'"):
        process_config("plugin:p", [plugin(rlimit_foo="1")])


def test_inactive_plugin_does_not_start() -> None:
    assert not process_config("plugin:p", [plugin(active="False")]).autostart
    assert process_config("plugin:g", [plugin(active="False"), plugin("q")]).autostart


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("tcp://0.0.0.0:5555", "tcp://127.0.0.1:5555"),
        ("tcp://*:5555", "tcp://127.0.0.1:5555"),
        ("tcp://[::]:5555", "tcp://[::1]:5555"),
        ("tcp://10.0.0.1:5555", "tcp://10.0.0.1:5555"),
        ("ipc:///run/0.0.0.0:1", "ipc:///run/0.0.0.0:1"),
    ],
)
def test_address_to_bind_is_made_one_to_connect_to(address: str, expected: str) -> None:
    assert connectable(address) == expected
