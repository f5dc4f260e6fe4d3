"""reload in its four kinds, and all at once by SIGHUP."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import signals, stubborn, watcher
from tests.support.waiting import wait_for


def test_graceful_reload_spawns_first_and_ends_the_old_ones_after(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)
    events = daemon.events()

    info = daemon.call("reload", name="w", waiting=True)["info"]

    after = daemon.wait_ready("w", 2, without=list(before.values()))
    assert info == {"stopped": sorted(before.values()), "started": sorted(after.values()), "kept": []}
    actions = [event.action for event in events.until("watcher.w.reload")]
    assert actions.index("kill") > max(i for i, action in enumerate(actions) if action == "spawn")


def test_graceful_reload_takes_free_wids(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    daemon.wait_ready("w", 2)

    daemon.call("reload", name="w", waiting=True)
    assert daemon.wait_ready("w", 2).keys() == {3, 4}

    daemon.call("reload", name="w", waiting=True)
    assert daemon.wait_ready("w", 2).keys() == {1, 2}


def test_sequential_reload_replaces_one_after_the_other_in_its_slot(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=3))
    before = daemon.wait_ready("w", 3)
    events = daemon.events()

    daemon.call("reload", name="w", sequential=True, waiting=True)

    assert daemon.wait_ready("w", 3, without=list(before.values())).keys() == {1, 2, 3}
    actions = [event.action for event in events.until("watcher.w.reload")]
    assert actions == ["kill", "reap", "spawn"] * 3 + ["reload"]


def test_reload_with_terminate_is_a_restart(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)
    events = daemon.events()

    daemon.call("reload", name="w", graceful=False, waiting=True)

    assert daemon.wait_ready("w", 2, without=list(before.values())).keys() == {1, 2}
    actions = [event.action for event in events.until("watcher.w.start")]
    assert actions == ["kill", "kill", "reap", "reap", "stop", "spawn", "spawn", "start"]


def test_reload_starts_a_stopped_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("manual", autostart=False))

    daemon.call("reload", name="manual", waiting=True)

    assert daemon.status("manual") == "active"


def test_send_hup_keeps_the_processes(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w"), send_hup=True, numprocesses=2))
    before = daemon.wait_ready("w", 2)
    events = daemon.events()

    daemon.call("reload", name="w", waiting=True)

    wait_for(lambda: len(daemon.said("signal", "w")) == 2, "both to get it")
    assert {words[2] for words in daemon.said("signal", "w")} == {"SIGHUP"}
    assert daemon.wids("w") == before
    assert [event.action for event in events.until("watcher.w.reload")] == ["reload"]


def test_a_singleton_is_reloaded_with_two_for_a_moment(daemon: Daemon) -> None:
    daemon.start(watcher("w", singleton=True))
    before = daemon.wait_ready("w")

    daemon.call("reload", name="w", waiting=True)

    daemon.wait_ready("w", without=list(before.values()))


def test_reload_without_name_reloads_every_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    before = daemon.pids("one") + daemon.pids("two")

    daemon.call("reload", waiting=True)

    assert not set(before) & set(daemon.pids("one") + daemon.pids("two"))
    assert not any(map(procs.is_alive, before))


def test_sighup_reloads_every_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    before = {name: list(daemon.wait_ready(name).values()) for name in ("one", "two")}

    daemon.signal(signal.SIGHUP)

    for name, pids in before.items():
        daemon.wait_ready(name, without=pids)


def test_sighup_does_not_read_the_file(daemon: Daemon) -> None:
    daemon.start(watcher("one"))
    before = daemon.wait_ready("one")
    daemon.write(watcher("one", numprocesses=3), watcher("two"))

    daemon.signal(signal.SIGHUP)

    daemon.wait_ready("one", without=list(before.values()))
    assert daemon.call("list")["watchers"] == ["one"]


@pytest.mark.differs("commands are refused while the old ones end")
def test_a_slow_end_of_the_old_ones_does_not_delay_the_new_ones(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), numprocesses=2, graceful_timeout=600))
    before = daemon.wait_ready("w", 2)

    daemon.call("reload", name="w")

    daemon.wait_ready("w", 4)
    assert all(map(procs.is_alive, before.values()))
    assert daemon.call("incr", name="w")["status"] == "ok"
    daemon.call("set", name="w", options={"graceful_timeout": 0.1})
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
