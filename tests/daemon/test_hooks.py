"""The hooks of watchers, as their options name them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, Section, env, ready, stubborn, watcher
from tests.support.waiting import wait_for
from tests.support.wire import names

HOOKS = (
    *("before_start", "after_start", "before_spawn", "after_spawn", "before_stop", "after_stop"),
    *("before_signal", "after_signal", "before_reap", "after_reap"),
)
PYTHONPATH = env("*", PYTHONPATH=PROGRAMS)


def hooked(name: str, hooks: dict[str, str], **options: Any) -> Section:
    """Return a watcher with *hooks*, functions of ``hooks_of_tests``."""
    targets = {f"hooks.{hook}": f"hooks_of_tests.{target}" for hook, target in hooks.items()}
    return watcher(name, {"cmd": ready(name), **targets, **options})


def calls(daemon: Daemon) -> list[dict[str, Any]]:
    """Return the calls that were noted, oldest first."""
    path = daemon.home / "hooks"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def called(daemon: Daemon) -> list[str]:
    """Return the hooks that were called."""
    return [call["hook"] for call in calls(daemon)]


@pytest.mark.parametrize(
    "function", ["note", pytest.param("note_later", marks=pytest.mark.differs("hooks are plain functions there"))]
)
def test_hooks_of_a_start_and_a_stop_come_in_order_with_what_they_are_about(daemon: Daemon, function: str) -> None:
    daemon.start(PYTHONPATH, hooked("web", dict.fromkeys(HOOKS, function)))
    (pid,) = daemon.pids("web")
    daemon.call("stop", name="web", waiting=True)
    noted = calls(daemon)

    assert [call["hook"] for call in noted] == [
        *("before_start", "before_spawn", "after_spawn", "after_start"),
        *("before_stop", "before_signal", "after_signal", "before_reap", "after_reap", "after_stop"),
    ]
    assert {call["watcher"] for call in noted} == {"web"}
    facts = {call["hook"]: call for call in noted}
    assert {facts[hook]["pid"] for hook in ("after_spawn", "before_signal", "after_signal")} == {pid}
    assert {facts[hook]["signum"] for hook in ("before_signal", "after_signal")} == {15}
    assert {facts[hook]["process_pid"] for hook in ("before_reap", "after_reap")} == {pid}
    assert (facts["after_reap"]["exit_code"], facts["after_reap"]["process_status"]) == (-15, None)


def test_process_that_died_by_itself_is_reaped_with_a_status(daemon: Daemon) -> None:
    daemon.start(PYTHONPATH, hooked("web", {"after_reap": "note"}))
    (pid,) = daemon.wait_ready("web").values()
    daemon.call("signal", name="web", pid=pid, signum="kill")
    (call,) = wait_for(lambda: calls(daemon), "the hook to be called")

    assert (call["process_pid"], call["exit_code"]) == (pid, -9)
    assert call["process_status"] in {1, 2}


@pytest.mark.parametrize("hook", ["before_start", "after_start", "before_spawn", "after_spawn"])
@pytest.mark.parametrize(
    "function", ["refuse", "fail", pytest.param("leave", marks=pytest.mark.differs("it ends the daemon there"))]
)
def test_refused_start_leaves_nothing_running(daemon: Daemon, hook: str, function: str) -> None:
    daemon.start(PYTHONPATH, hooked("web", {hook: function}, autostart=False), watcher("other"))
    events = daemon.events()
    daemon.wire.ask("start", name="web", waiting=True)

    assert called(daemon) == [hook]
    assert daemon.status("web") == "stopped"
    assert daemon.pids("web") == []
    seen = events.so_far()
    outcome = "hook_success" if function == "refuse" else "hook_failure"
    assert outcome in names(seen, "web")
    assert ("stop" in names(seen, "web")) is (hook != "before_start")
    assert daemon.status("other") == "active"


def test_flag_makes_an_exception_count_as_success(daemon: Daemon) -> None:
    daemon.start(PYTHONPATH, hooked("web", {"before_start": "fail, true"}))

    assert called(daemon) == ["before_start"]
    assert daemon.status("web") == "active"


def test_refused_signal_is_not_sent_but_sigkill_is(daemon: Daemon) -> None:
    daemon.start(PYTHONPATH, hooked("web", {"before_signal": "refuse"}, cmd=stubborn("web"), graceful_timeout=0.2))
    daemon.wait_ready("web")
    events = daemon.events()
    daemon.call("stop", name="web", waiting=True)

    assert [call["signum"] for call in calls(daemon)] == [15, 9]
    assert names(events.so_far(), "web").count("kill") == 2
    assert daemon.said("got", "web") == []


@pytest.mark.parametrize(
    "hook", ["before_stop", "after_stop", "before_signal", "after_signal", "before_reap", "after_reap"]
)
def test_exception_does_not_hold_up_a_stop(daemon: Daemon, hook: str) -> None:
    daemon.start(PYTHONPATH, hooked("web", {hook: "fail"}))
    events = daemon.events()
    daemon.call("stop", name="web", waiting=True)

    assert daemon.status("web") == "stopped"
    (failure,) = [e.data for e in events.so_far() if e.action == "hook_failure"]
    assert (failure["name"], failure["error"]) == (hook, "boom")


@pytest.mark.differs("hooks run in the loop there, and hold up everything")
def test_hook_that_hangs_holds_up_nobody_else(daemon: Daemon) -> None:
    slow = hooked("slow", {"before_start": "hang"}, hook_timeout=600, autostart=False)
    daemon.start(PYTHONPATH, slow, watcher("web"))
    daemon.call("start", name="slow")
    wait_for(lambda: called(daemon), "the hook to be called")
    (pid,) = daemon.wait_ready("web").values()
    daemon.call("signal", name="web", pid=pid, signum="kill")
    daemon.wait_ready("web", without=pid)

    assert "hook" not in daemon.log, "it did not hang so long"


@pytest.mark.differs("hooks run in the loop there, and hold up everything")
def test_hook_that_hangs_fails_at_its_deadline(daemon: Daemon) -> None:
    slow = hooked("slow", {"before_start": "hang"}, hook_timeout=0.3, autostart=False)
    daemon.start(PYTHONPATH, slow, watcher("web"))
    events = daemon.events()

    daemon.call("start", name="slow")

    (failure,) = [e.data for e in events.until("watcher.slow.hook_failure") if e.action == "hook_failure"]
    assert failure["error"] == "no result in 0.3s, hook_timeout; it goes on in a thread of its own"
    daemon.wait_status("slow", "stopped")
    assert daemon.stop() == 0


@pytest.mark.differs("a hook that hangs holds up the end there")
def test_hook_that_hangs_does_not_hold_up_the_daemons_end(daemon: Daemon) -> None:
    daemon.start(PYTHONPATH, hooked("web", {"after_stop": "hang"}, hook_timeout=0.3))

    assert daemon.stop() == 0


@pytest.mark.differs("a hook that hangs holds up the end there")
@pytest.mark.parametrize("hook", ["before_start", "before_spawn", "after_spawn", "after_start"])
def test_a_stop_does_not_wait_for_a_hook_of_the_start(daemon: Daemon, hook: str) -> None:
    daemon.start(PYTHONPATH, hooked("slow", {hook: "hang"}, hook_timeout=60, autostart=False))
    events = daemon.events()
    daemon.call("start", name="slow")
    wait_for(lambda: called(daemon), "the hook to be called")

    daemon.call("stop", name="slow", waiting=True)

    assert daemon.status("slow") == "stopped"
    (failure,) = [e.data for e in events.until("watcher.slow.hook_failure") if e.action == "hook_failure"]
    assert failure["error"] == "given up: the watcher is to stop"


@pytest.mark.differs("the command fails there")
def test_stats_hook_adds_figures(daemon: Daemon) -> None:
    daemon.start(PYTHONPATH, hooked("web", {"extended_stats": "add_figure"}))
    (pid,) = daemon.pids("web")

    assert "double" not in daemon.call("stats", name="web")["info"][str(pid)]
    assert daemon.call("stats", name="web", extended=True)["info"][str(pid)]["double"] == 2 * pid


@pytest.mark.differs("the watcher is left out there")
def test_hook_that_cannot_be_imported_refuses_the_config(daemon: Daemon) -> None:
    daemon.write(PYTHONPATH, watcher("web", {"hooks.before_start": "hooks_of_tests.nothing"}))

    assert daemon.launch(str(daemon.config)).wait(60) == 1
    assert "[watcher:web] hooks.before_start = 'hooks_of_tests.nothing': cannot be imported" in daemon.log
