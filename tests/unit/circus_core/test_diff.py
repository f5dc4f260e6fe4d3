"""What a new configuration changes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from circus_core._diff import Action, Step, diff
from circus_core.config import Config
from circus_core.options import (
    CircusConfig,
    HookConfig,
    Respawn,
    SocketConfig,
    StreamConfig,
    WatcherConfig,
)


def watcher(name: str = "w", **options: Any) -> WatcherConfig:
    return WatcherConfig(name=name, **{"cmd": "a", **options})


def steps(old: Config, new: Config) -> dict[str, tuple[Action, tuple[str, ...]]]:
    return {step.what: (step.action, step.options) for step in diff(old, new).steps}


def of_watcher(before: WatcherConfig, after: WatcherConfig) -> tuple[Action, tuple[str, ...]]:
    return steps(Config(watchers=(before,)), Config(watchers=(after,)))["watcher:w"]


def test_nothing_changes() -> None:
    config = Config(watchers=(watcher(), watcher("plugin:p")), sockets=(SocketConfig(name="s"),))

    found = diff(config, dataclasses.replace(config, path="elsewhere", warnings=("odd",)))

    assert {step.action for step in found.steps} == {Action.KEEP}
    assert [step.what for step in found.steps] == ["socket:s", "plugin:p", "watcher:w"]
    assert (found.hot, found.restarts_daemon) == ((), ())


@pytest.mark.parametrize(
    "options",
    [
        {"numprocesses": 2},
        {"max_retry": 1, "respawn": Respawn.NEVER},
        {"graceful_timeout": 1.0},
        {"hooks": {"after_stop": HookConfig("a.b")}},
        {"extra": {"flapping.window": "1"}},
    ],
)
def test_changes_that_need_no_restart(options: dict[str, Any]) -> None:
    action, names = of_watcher(watcher(), watcher(**options))

    assert action is Action.CHANGE
    assert set(names) == set(options)


@pytest.mark.parametrize(
    "options",
    [
        {"cmd": "b"},
        {"env": {"A": "1"}},
        {"rlimits": {"core": 0}},
        {"stdout_stream": StreamConfig("StdoutStream")},
        {"max_age": 3},
        {"on_demand": True},
        {"cmd": "b", "numprocesses": 2},
    ],
)
def test_changes_that_restart_the_watcher(options: dict[str, Any]) -> None:
    action, names = of_watcher(watcher(), watcher(**options))

    assert action is Action.RESTART
    assert set(names) == set(options)


def test_option_that_is_taken_away_is_a_change() -> None:
    assert of_watcher(watcher(max_age=3), watcher()) == (Action.RESTART, ("max_age",))


def test_variables_of_a_shell_are_no_change() -> None:
    assert of_watcher(watcher(env={"PS1": "a", "A": "1"}), watcher(env={"A": "1"})) == (Action.KEEP, ())


def test_added_and_removed() -> None:
    old = Config(watchers=(watcher("a"),), sockets=(SocketConfig(name="s"),))
    new = Config(watchers=(watcher("b"),))

    found = diff(old, new)

    assert found.named("watcher", Action.ADD) == ["b"]
    assert found.named("watcher", Action.REMOVE) == ["a"]
    assert found.named("socket", Action.REMOVE) == ["s"]


@pytest.mark.parametrize(
    ("options", "is_restarted"),
    [
        pytest.param({"cmd": "a $(circus.sockets.S)"}, True, id="named-in-cmd"),
        pytest.param({"args": "((circus.sockets.s))"}, True, id="named-in-args"),
        pytest.param({"args": ("$(circus.sockets.s)",)}, True, id="named-in-list"),
        pytest.param({"stdin_socket": "S"}, True, id="stdin"),
        pytest.param({"listen_fds": ("s",)}, True, id="listen-fds"),
        pytest.param({"use_sockets": True}, True, id="takes-all"),
        pytest.param({"use_sockets": True, "cmd": "a $(circus.sockets.other)"}, False, id="takes-another"),
        pytest.param({}, False, id="takes-none"),
    ],
)
@pytest.mark.parametrize("after", [(), (SocketConfig(name="s", port=2),)], ids=["removed", "changed"])
def test_watchers_of_a_socket_restart_with_it(
    options: dict[str, Any], is_restarted: bool, after: tuple[SocketConfig, ...]
) -> None:
    old = Config(watchers=(watcher(**options),), sockets=(SocketConfig(name="s", port=1),))
    new = Config(watchers=(watcher(**options),), sockets=after)

    expected = (Action.RESTART, ("socket:s",)) if is_restarted else (Action.KEEP, ())
    assert steps(old, new)["watcher:w"] == expected


def test_added_socket_restarts_nothing() -> None:
    old = Config(watchers=(watcher(use_sockets=True),))
    new = dataclasses.replace(old, sockets=(SocketConfig(name="s"),))

    assert diff(old, new).steps == (Step("socket", "s", Action.ADD), Step("watcher", "w", Action.KEEP))


def test_circus_options() -> None:
    new = Config(circus=CircusConfig(check_delay=1, warmup_delay=2, endpoint="tcp://127.0.0.1:1", debug=True))

    found = diff(Config(), new)

    assert found.hot == ("check_delay", "warmup_delay")
    assert found.restarts_daemon == ("endpoint", "debug")
