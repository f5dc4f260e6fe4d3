"""Which events an operation publishes, in which order."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import env, ready, signals, stubborn, watcher
from tests.support.wire import Published


def actions(events: list[Published], watcher: str = "w") -> list[str]:
    return [event.action for event in events if event.watcher == watcher]


def test_start(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2, autostart=False))
    events = daemon.events()

    daemon.call("start", name="w")

    came = events.until("watcher.w.start")
    assert actions(came) == ["spawn", "spawn", "start"]
    assert sorted(event.data["process_pid"] for event in came[:2]) == daemon.pids("w")


def test_every_event_has_its_time(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    events = daemon.events()

    now = daemon.call("restart", name="w")["time"]

    assert all(abs(event.data["time"] - now) < 10 for event in events.until("watcher.w.start"))


def test_stop(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    events = daemon.events()

    daemon.call("stop", name="w")

    came = events.until("watcher.w.stop")
    assert actions(came) == ["kill", "kill", "reap", "reap", "stop"]
    assert {event.data["exit_code"] for event in came if event.action == "reap"} == {-15}


def test_restart(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    events = daemon.events()

    daemon.call("restart", name="w")

    assert actions(events.until("watcher.w.start")) == ["kill", "reap", "stop", "spawn", "start"]


def test_graceful_reload_publishes_no_reap(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    events = daemon.events()

    daemon.call("reload", name="w", waiting=True)

    assert actions(events.so_far()) == ["spawn", "spawn", "kill", "kill", "reload"]


def test_sequential_reload(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    events = daemon.events()

    daemon.call("reload", name="w", sequential=True)

    assert actions(events.until("watcher.w.reload")) == ["kill", "reap", "spawn", "kill", "reap", "spawn", "reload"]


def test_rm(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w", numprocesses=2))
    events = daemon.events()

    daemon.call("rm", name="w")

    assert actions(events.until("watcher.w.stop")) == ["remove", "kill", "kill", "reap", "reap", "stop"]


def test_add_with_start(daemon: Daemon) -> None:
    daemon.start(watcher("a"))
    events = daemon.events()

    daemon.call("add", name="My Watcher.x", cmd=ready("w"), start=True)

    assert actions(events.until("watcher.my_watcher.x.start"), "my_watcher.x") == ["add", "spawn", "start"]


def test_a_process_that_died_is_reaped_before_its_replacement_is_spawned(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w")))
    (pid,) = daemon.wait_ready("w").values()
    events = daemon.events()

    os.kill(pid, signal.SIGKILL)

    reap, spawn = events.until("watcher.w.spawn")
    assert (reap.action, reap.data["process_pid"], reap.data["exit_code"]) == ("reap", pid, -9)
    assert spawn.data["process_pid"] in daemon.pids("w")


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_code_of_one_that_ended_by_itself(daemon: Daemon, code: int) -> None:
    daemon.start(watcher("w", cmd=f"/bin/sh -c 'exit {code}'", respawn=False, autostart=False))
    events = daemon.events()

    daemon.call("start", name="w")

    came = events.until("watcher.w.stop")
    assert actions(came) == ["spawn", "start", "reap", "stop"]
    assert came[2].data["exit_code"] == code


def test_the_escalation_is_a_second_kill(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=0.3))
    daemon.wait_ready("w")
    events = daemon.events()

    daemon.call("stop", name="w")

    first, second, reap, _stop = events.until("watcher.w.stop")
    assert (first.action, second.action) == ("kill", "kill")
    assert second.data["time"] - first.data["time"] > 0.25
    assert reap.data["exit_code"] == -9


@pytest.mark.parametrize(
    ("command", "properties"),
    [
        pytest.param("decr", {}, id="decr"),
        pytest.param("set", {"options": {"numprocesses": 1}}, id="numprocesses"),
        pytest.param("kill", {}, id="kill", marks=pytest.mark.differs("its tick may reap the process first")),
    ],
)
def test_no_reap_for_what_the_daemon_ended_to_go_on(
    daemon: Daemon, command: str, properties: dict[str, object]
) -> None:
    daemon.start(watcher("a"), watcher("w", numprocesses=2))
    daemon.wait_ready("w", 2)
    events = daemon.events()

    daemon.call(command, name="w", waiting=True, **properties)

    came = actions(events.so_far())
    assert "kill" in came
    assert "reap" not in came


def test_set_publishes_one_updated_a_key(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w"))
    events = daemon.events()

    daemon.call("set", name="w", options={"warmup_delay": 0, "stop_children": False}, waiting=True)

    assert actions(events.so_far()) == ["updated", "updated"]


def test_set_of_cmd_reloads(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w"))
    events = daemon.events()

    daemon.call("set", name="w", options={"cmd": f"{ready('w')} more"})

    assert actions(events.until("watcher.w.reload")) == ["updated", "spawn", "kill", "reload"]


def test_a_signal_publishes_nothing(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w", cmd=signals("w")))
    daemon.wait_ready("w")
    events = daemon.events()

    daemon.call("signal", name="w", signum="HUP")

    assert actions(events.so_far()) == []


def test_a_start_that_cannot_spawn_publishes_stop(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w", cmd="/nonexistent/program", autostart=False, max_retry=1))
    events = daemon.events()

    daemon.call("start", name="w")

    came = actions(events.until("watcher.w.stop"))
    assert came[-1] == "stop"
    assert "start" not in came
    assert "spawn" not in came


def test_stop_of_a_stopped_watcher_publishes_nothing(daemon: Daemon) -> None:
    daemon.start(watcher("a"), watcher("w", autostart=False))
    events = daemon.events()

    daemon.call("stop", name="w", waiting=True)

    assert actions(events.so_far()) == []


def test_stop_of_all_begins_with_the_lowest_priority(daemon: Daemon) -> None:
    daemon.start(watcher("a", priority=3), watcher("b", priority=1), watcher("c", priority=2))
    events = daemon.events()

    daemon.call("stop", waiting=True)

    killed = [event.watcher for event in events.until("watcher.a.stop") if event.action == "kill"]
    assert killed == ["b", "c", "a"]


@pytest.mark.differs("a conflict may refuse the second command")
def test_a_topic_is_lower_case_without_spaces(daemon: Daemon) -> None:
    daemon.start(watcher("My Own"))
    events = daemon.events()

    daemon.call("restart", name="my own")

    assert [event.topic for event in events.until("watcher.my_own.start")][-1] == "watcher.my_own.start"


# Hooks


def hooked(daemon: Daemon, **hooks: str) -> dict[str, str]:
    """Return the options that call functions of a module which is written beside the ini file."""
    functions = """
        def yes(**_): return True
        def no(**_): return False
        def none(**_): return None
        def boom(**_): raise RuntimeError("boom")
    """
    (daemon.home / "hook_functions.py").write_text("\n".join(line.strip() for line in functions.splitlines()))
    return {f"hooks.{hook}": f"hook_functions.{function}" for hook, function in hooks.items()}


def here(daemon: Daemon) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(daemon.home), os.environ.get("PYTHONPATH", "")])}


def hook_events(events: list[Published]) -> list[str]:
    return [event.data["name"] if event.action.startswith("hook") else event.action for event in events]


def test_hooks_around_a_start_and_a_stop(daemon: Daemon) -> None:
    names = "before_start after_start before_spawn after_spawn before_stop after_stop before_signal after_signal"
    hooks = hooked(daemon, **dict.fromkeys([*names.split(), "before_reap", "after_reap"], "yes"))
    daemon.start(watcher("a"), watcher("w", hooks, numprocesses=2, autostart=False), env=here(daemon))
    events = daemon.events()

    daemon.call("start", name="w", waiting=True)
    started = [event for event in events.so_far() if event.watcher == "w"]
    daemon.call("set", name="w", options={"numprocesses": 1}, waiting=True)
    events.so_far()
    daemon.call("stop", name="w", waiting=True)
    stopped = [event for event in events.so_far() if event.watcher == "w"]

    spawn = ["before_spawn", "after_spawn", "spawn"]
    assert hook_events(started) == ["before_start", *spawn, *spawn, "after_start", "start"]
    signal_hooks = ["before_signal", "after_signal"]
    assert hook_events(stopped) == [
        *("before_stop", *signal_hooks, "kill", "before_reap", "reap", "after_reap", "stop", "after_stop")
    ]


@pytest.mark.parametrize("answer", ["no", "none", "boom"])
def test_before_start_may_refuse(daemon: Daemon, answer: str) -> None:
    daemon.start(watcher("a"), watcher("w", hooked(daemon, before_start=answer)), env=here(daemon), wait=False)
    daemon.wait_status("a", "active")
    events = daemon.events()

    daemon.wire.ask("start", name="w", waiting=True)

    came = [event for event in events.so_far() if event.watcher == "w"]
    assert [event.action for event in came] == ["hook_failure" if answer == "boom" else "hook_success"]
    assert came[0].data["name"] == "before_start"
    assert daemon.status("w") == "stopped"
    if answer == "boom":
        assert "boom" in came[0].data["error"]


@pytest.mark.parametrize("hook", ["after_start", "before_spawn", "after_spawn"])
def test_a_hook_that_refuses_stops_the_watcher(daemon: Daemon, hook: str) -> None:
    daemon.start(watcher("a"), watcher("w", hooked(daemon, **{hook: "no"})), env=here(daemon), wait=False)

    daemon.wait_status("a", "active")
    daemon.wait_status("w", "stopped")
    assert daemon.ready_pids("w", count=0) == {}


def test_the_ignore_flag_lets_a_raising_hook_pass(daemon: Daemon) -> None:
    hooks = {name: f"{target},True" for name, target in hooked(daemon, before_start="boom").items()}
    daemon.start(watcher("w", hooks), env=here(daemon))

    daemon.wait_ready("w")


def test_before_signal_may_withhold_the_signal_but_not_sigkill(daemon: Daemon) -> None:
    options = {**hooked(daemon, before_signal="no"), "cmd": signals("w"), "graceful_timeout": 0.3}
    daemon.start(watcher("w", options), env=here(daemon))
    daemon.wait_ready("w")
    events = daemon.events()

    daemon.call("stop", name="w")

    assert actions(events.until("watcher.w.stop")).count("kill") == 2
    assert daemon.said("signal", "w") == []


def test_hooks_see_their_watcher(daemon: Daemon) -> None:
    (daemon.home / "hook_functions.py").write_text(
        "def before_start(watcher, arbiter, hook_name):\n"
        "    print('ready', 'hook', watcher.name, hook_name, flush=True)\n"
        "    return True\n"
    )
    daemon.start(watcher("w", {"hooks.before_start": "hook_functions.before_start"}), env=here(daemon))

    assert daemon.said("ready", "hook") == [["w", "before_start"]]


def test_an_environment_with_pythonpath_lets_hooks_be_found(daemon: Daemon) -> None:
    hooks = hooked(daemon, before_start="yes")
    daemon.start(env("w", PYTHONPATH=daemon.home), watcher("w", hooks))

    daemon.wait_ready("w")
