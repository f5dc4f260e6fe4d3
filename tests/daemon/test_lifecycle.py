"""start, stop, restart, incr, decr, kill, rm, add: what a user sees of them."""

from __future__ import annotations

import itertools
import os
import signal

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import circus, ready, signals, stubborn, watcher
from tests.support.waiting import wait_for


def test_processes_of_every_watcher_run(daemon: Daemon) -> None:
    daemon.start(watcher("one", numprocesses=2), watcher("two"))

    assert set(daemon.wait_ready("one", 2)) == {1, 2}
    assert set(daemon.wait_ready("two")) == {1}
    assert daemon.call("status")["statuses"] == {"one": "active", "two": "active"}


def test_a_process_leads_its_own_session_below_circusd(daemon: Daemon) -> None:
    daemon.start(watcher("w"))

    (pid,) = daemon.wait_ready("w").values()

    assert os.getsid(pid) == os.getpgid(pid) == pid


def test_autostart_false_waits_for_a_start_by_name(daemon: Daemon) -> None:
    daemon.start(watcher("manual", autostart=False), watcher("w"))
    daemon.call("start", waiting=True)
    daemon.call("start", name="*", waiting=True)
    assert daemon.status("manual") == "stopped"

    daemon.call("start", name="manual", waiting=True)

    assert daemon.status("manual") == "active"
    daemon.wait_ready("manual")


def test_stop_with_waiting_returns_when_the_processes_are_gone(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=3))
    pids = daemon.wait_ready("w", 3).values()

    reply = daemon.call("stop", name="w", waiting=True)

    assert reply["info"] is None
    assert not any(map(procs.is_alive, pids))
    assert daemon.status("w") == "stopped"
    assert daemon.pids("w") == []


def test_start_tells_what_it_started_and_what_it_kept(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    daemon.call("stop", name="w", waiting=True)

    first = daemon.call("start", name="w", waiting=True)
    second = daemon.call("start", name="w", waiting=True)

    assert first["info"] == {"started": daemon.pids("w"), "kept": []}
    assert second["info"] == {"started": [], "kept": daemon.pids("w")}


def test_restart_replaces_every_process(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.pids("w")

    info = daemon.call("restart", name="w", waiting=True)["info"]

    after = daemon.pids("w")
    assert not set(before) & set(after)
    assert info == {"stopped": before, "started": after, "kept": []}
    assert not any(map(procs.is_alive, before))


def test_stop_of_all_leaves_the_daemon_up(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))

    daemon.call("stop", waiting=True)

    assert daemon.call("status")["statuses"] == {"one": "stopped", "two": "stopped"}


def test_start_of_all_starts_the_stopped_ones(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    kept = daemon.pids("one")
    daemon.call("stop", name="two", waiting=True)

    daemon.call("start", waiting=True)

    assert daemon.call("status")["statuses"] == {"one": "active", "two": "active"}
    assert daemon.pids("one") == kept


@pytest.mark.parametrize(
    ("match", "pattern", "stopped"),
    [
        pytest.param("glob", "web*", ["web-a", "web-b"], id="glob"),
        pytest.param("glob", "WEB-?", ["web-a", "web-b"], id="glob-any-case"),
        pytest.param("regex", "web-[a]", ["web-a"], id="regex"),
        pytest.param("regex", "we", ["web-a", "web-b"], id="regex-is-a-prefix"),
        pytest.param("simple", "Web-A", ["web-a"], id="simple-any-case"),
    ],
)
def test_match(daemon: Daemon, match: str, pattern: str, stopped: list[str]) -> None:
    daemon.start(watcher("web-a"), watcher("web-b"), watcher("job"))

    daemon.call("stop", name=pattern, match=match, waiting=True)

    statuses = daemon.call("status")["statuses"]
    assert [name for name, status in sorted(statuses.items()) if status == "stopped"] == stopped


@pytest.mark.parametrize(("match", "pattern"), [("glob", "nope*"), ("regex", "eb"), ("simple", "we*")])
def test_a_pattern_that_matches_nothing_is_an_error(daemon: Daemon, match: str, pattern: str) -> None:
    daemon.start(watcher("web"))

    reply = daemon.refused("stop", name=pattern, match=match)

    assert reply["errno"] == 3
    assert daemon.status("web") == "active"


def test_incr_takes_the_next_wids(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    first = daemon.wait_ready("w")

    reply = daemon.call("incr", name="w", nb=2, waiting=True)

    assert reply["numprocesses"] == 3
    assert daemon.wait_ready("w", 3).keys() == {1, 2, 3}
    assert daemon.wids("w")[1] == first[1]


def test_decr_ends_the_oldest(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=3))
    before = daemon.wait_ready("w", 3)
    os.kill(before[1], signal.SIGKILL)
    after = daemon.wait_ready("w", 3, without=before[1])

    reply = daemon.call("decr", name="w", nb=2, waiting=True)

    assert reply["numprocesses"] == 1
    assert daemon.wait_ready("w") == {1: after[1]}


def test_decr_stops_at_none(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))

    assert daemon.call("decr", name="w", nb=5, waiting=True)["numprocesses"] == 0

    wait_for(lambda: not daemon.pids("w"), "no process")


def test_incr_on_a_stopped_watcher_only_changes_the_number(daemon: Daemon) -> None:
    daemon.start(watcher("w", autostart=False))

    assert daemon.call("incr", name="w", waiting=True)["numprocesses"] == 2
    assert daemon.status("w") == "stopped"
    assert daemon.pids("w") == []

    daemon.call("start", name="w", waiting=True)
    daemon.wait_ready("w", 2)


def test_a_singleton_keeps_its_one_process(daemon: Daemon) -> None:
    daemon.start(watcher("w", singleton=True))
    before = daemon.pids("w")

    reply = daemon.call("incr", name="w", nb=3)

    assert reply["numprocesses"] == 1
    assert reply["singleton"] is True
    assert daemon.pids("w") == before
    assert daemon.refused("set", name="w", options={"numprocesses": 2})["errno"] in (3, 5)


def test_kill_ends_the_processes_and_others_replace_them(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)

    daemon.call("kill", name="w", waiting=True)

    daemon.wait_ready("w", 2, without=list(before.values()))


def test_kill_of_one_pid_leaves_the_others(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    before = daemon.wait_ready("w", 2)

    daemon.call("kill", name="w", pid=before[1], waiting=True)

    after = daemon.wait_ready("w", 2, without=before[1])
    assert after[2] == before[2]


def test_kill_with_a_signal_of_its_own(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w")))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("kill", name="w", signum="USR1", graceful_timeout=600)

    wait_for(lambda: daemon.said("signal", "w") == [["1", str(pid), "SIGUSR1"]], "it to print it")
    os.kill(pid, signal.SIGKILL)
    daemon.wait_ready("w", without=pid)


def test_kill_escalates_after_its_own_timeout(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w")))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("kill", name="w", graceful_timeout=0.1, waiting=True)

    daemon.wait_ready("w", without=pid)
    daemon.call("set", name="w", options={"graceful_timeout": 0.1}, waiting=True)


@pytest.mark.differs("B6: a timeout that comes as text, as its own circusctl sends it")
def test_kill_takes_a_timeout_as_text(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=0.2))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("kill", name="w", graceful_timeout="0.1", waiting=True)

    daemon.wait_ready("w", without=pid)


def test_a_foreign_pid_is_left_alone_by_kill(daemon: Daemon) -> None:
    daemon.start(watcher("one"), watcher("two"))
    (pid,) = daemon.wait_ready("two").values()

    daemon.call("kill", name="one", pid=pid, waiting=True)

    assert daemon.pids("two") == [pid]


@pytest.mark.differs("B8: ok without waiting, errno 6 with it")
def test_kill_of_an_unknown_watcher_is_an_error(daemon: Daemon) -> None:
    daemon.start(watcher("w"))

    assert daemon.refused("kill", name="nope")["errno"] == 3


def test_rm_takes_the_watcher_away_with_its_processes(daemon: Daemon) -> None:
    daemon.start(watcher("w"), watcher("other"))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("rm", name="w", waiting=True)

    assert not procs.is_alive(pid)
    assert daemon.call("list")["watchers"] == ["other"]
    assert daemon.refused("status", name="w")["errno"] == 3


def test_rm_vanishes_at_once_while_its_processes_still_end(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=600), watcher("other"))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("rm", name="w")

    assert daemon.call("list")["watchers"] == ["other"]
    assert procs.is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_rm_nostop_leaves_the_processes_running(daemon: Daemon) -> None:
    daemon.start(watcher("w"), watcher("other"))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("rm", name="w", nostop=True, waiting=True)
    daemon.call("restart", name="other", waiting=True)

    assert daemon.call("list")["watchers"] == ["other"]
    assert procs.is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_add_registers_a_stopped_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("w"))

    daemon.call("add", name="New Guy", cmd=ready("new"), waiting=True)

    assert daemon.status("new guy") == "stopped"
    assert list(daemon.call("status")["statuses"]) == ["w", "New Guy"]
    assert daemon.call("list")["watchers"] == ["new guy", "w"]


def test_add_with_start_tells_the_pids(daemon: Daemon) -> None:
    daemon.start(watcher("w"))

    reply = daemon.call("add", name="new", cmd=ready("new"), start=True, waiting=True, options={"numprocesses": 2})

    assert reply["started"] == daemon.pids("new")
    assert reply["kept"] == []
    assert len(reply["started"]) == 2


@pytest.mark.parametrize("args", ["four 'five six'", ["four", "five six"]], ids=["text", "list"])
def test_add_appends_args(daemon: Daemon, args: object) -> None:
    daemon.start(watcher("w"))

    daemon.call("add", name="new", cmd="/bin/echo ready", args=args, start=True, waiting=True)

    wait_for(lambda: daemon.said("ready", "four"), "the output of the process")
    assert daemon.said("ready", "four")[0] == ["five", "six"]


@pytest.mark.parametrize("name", ["w", "W"])
def test_add_refuses_a_name_that_is_taken(daemon: Daemon, name: str) -> None:
    daemon.start(watcher("w"))

    reply = daemon.refused("add", name=name, cmd="sleep 1")

    assert reply["errno"] == 5
    assert "already exist" in reply["reason"]


def test_priority_orders_the_start(daemon: Daemon) -> None:
    names = {"a": 1, "b": 3, "c": 2}
    sections = [watcher(name, priority=priority, warmup_delay=0) for name, priority in names.items()]
    daemon.start(*sections)
    daemon.call("stop", waiting=True)
    events = daemon.events()

    daemon.call("start", waiting=True)

    started = [event.watcher for event in events.until("watcher.a.start") if event.action == "start"]
    assert started == ["b", "c", "a"]


def test_warmup_delay_spaces_the_spawns(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=3, warmup_delay=1, autostart=False))
    daemon.call("set", name="w", options={"warmup_delay": 0.2}, waiting=True)
    events = daemon.events()

    daemon.call("start", name="w", waiting=True)

    times = [event.data["time"] for event in events.until("watcher.w.start") if event.action == "spawn"]
    assert [later - earlier > 0.15 for earlier, later in itertools.pairwise(times)] == [True, True]


@pytest.mark.differs("B2: loses the TERM that comes while it starts its watchers")
def test_the_daemons_warmup_delay_spaces_the_watchers(daemon: Daemon) -> None:
    daemon.start(circus(warmup_delay=1), watcher("a"), watcher("b"), wait=False)
    daemon.wait_status("a", "active")

    first, second = (daemon.wait_ready(name)[1] for name in "ab")

    started = {pid: procs.started_at(pid) for pid in (first, second)}
    assert started[second] - started[first] > 0.8


def test_restart_without_name_reads_the_file_anew(daemon: Daemon) -> None:
    daemon.start(watcher("w"))
    pid, before = daemon.call("dstats")["info"]["pid"], daemon.pids("w")
    daemon.write(watcher("w", numprocesses=2), watcher("new"))

    daemon.call("restart", waiting=True)

    wait_for(lambda: daemon.connect().ask("list").get("watchers") == ["new", "w"], "the new configuration")
    daemon.wait_ready("w", 2, without=before)
    assert daemon.call("dstats")["info"]["pid"] == pid


def test_quit_ends_everything(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2))
    pids = daemon.pids("w")

    daemon.call("quit", waiting=True)

    assert daemon.wait_exit() == 0
    assert not any(map(procs.is_alive, pids))


def test_an_empty_watcher_starts_nothing_and_harms_nobody(daemon: Daemon) -> None:
    daemon.start(watcher("none", numprocesses=0, autostart=False), watcher("w"))

    daemon.call("start", name="none")

    daemon.wait_status("none", "stopped")
    assert daemon.status("w") == "active"


def test_start_of_what_ends_at_once_is_no_failure(daemon: Daemon) -> None:
    daemon.start(watcher("job", cmd="/bin/true", respawn=False, autostart=False))
    for _ in range(10):
        assert daemon.call("start", name="job", waiting=True)["status"] == "ok"
        daemon.wait_status("job", "stopped")
