"""How a process is ended: the signal, the wait, SIGKILL, its children."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import family, signals, stubborn, watcher
from tests.support.waiting import wait_for


@pytest.mark.parametrize("signum", ["INT", "SIGUSR1", "quit", "10"])
def test_stop_signal_is_what_a_process_gets_first(daemon: Daemon, signum: str) -> None:
    wanted = {"INT": "SIGINT", "quit": "SIGQUIT"}.get(signum, "SIGUSR1")
    daemon.start(watcher("w", cmd=signals("w"), stop_signal=signum, graceful_timeout=600))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("stop", name="w")

    wait_for(lambda: daemon.said("signal", "w") == [["1", str(pid), wanted]], "it to print it")
    _end([pid])
    daemon.wait_status("w", "stopped")


def test_sigkill_follows_after_the_graceful_timeout(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=stubborn("w"), graceful_timeout=0.5))
    (pid,) = daemon.wait_ready("w").values()
    before = time.monotonic()

    daemon.call("stop", name="w", waiting=True)

    assert not procs.is_alive(pid)
    assert time.monotonic() - before > 0.4


def test_a_process_that_ends_at_once_is_not_waited_for(daemon: Daemon) -> None:
    daemon.start(watcher("w", graceful_timeout=600))
    daemon.wait_ready("w")

    daemon.call("stop", name="w", waiting=True)

    assert daemon.status("w") == "stopped"


@pytest.mark.differs("a stop of one watcher refuses commands for the others")
def test_a_slow_stop_holds_up_no_other_watcher(daemon: Daemon) -> None:
    daemon.start(watcher("slow", cmd=stubborn("slow"), graceful_timeout=600), watcher("other"))
    (pid,) = daemon.wait_ready("slow").values()
    daemon.call("stop", name="slow")

    daemon.call("restart", name="other", waiting=True)

    assert procs.is_alive(pid)
    assert daemon.status("slow") == "stopping"
    os.kill(pid, signal.SIGKILL)
    daemon.wait_status("slow", "stopped")


def test_without_stop_children_only_the_process_is_told(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=family("w")))
    pids = _family(daemon)

    daemon.call("stop", name="w", waiting=True)

    assert [procs.is_alive(pid) for pid in pids] == [False, True, True]
    _end(pids)


@pytest.mark.differs("B10: children of a parent that dies at once are not found any more")
def test_stop_children_tells_the_direct_children_too(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=family("w"), stop_children=True))
    parent, child, grandchild = _family(daemon)

    daemon.call("stop", name="w", waiting=True)

    assert not procs.is_alive(parent)
    wait_for(lambda: not procs.is_alive(child), "the child to end")
    assert procs.is_alive(grandchild)
    _end([grandchild])


@pytest.mark.differs("B10b: the escalation reaches no descendant")
def test_sigkill_reaches_all_descendants(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=f"{family('w')} deaf", stop_children=True, graceful_timeout=0.2))
    pids = _family(daemon)

    daemon.call("stop", name="w", waiting=True)

    wait_for(lambda: not any(map(procs.is_alive, pids)), "parent, child and grandchild to end")


def _family(daemon: Daemon) -> list[int]:
    """Return the pids of parent, child and grandchild, once all three run."""
    said = wait_for(
        lambda: found if all(found := [daemon.said(word, "w") for word in ("ready", "child", "grandchild")]) else None,
        "parent, child and grandchild",
    )
    return [int(lines[0][1]) for lines in said]


def _end(pids: list[int]) -> None:
    for pid in pids:
        procs.kill_quietly(pid)
    wait_for(lambda: not any(map(procs.is_alive, pids)), "them to end")


def test_stop_asks_all_processes_before_it_waits_for_any(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w"), numprocesses=4, stop_signal="USR1", graceful_timeout=600))
    pids = daemon.wait_ready("w", 4)

    daemon.call("stop", name="w")

    wait_for(lambda: len(daemon.said("signal", "w")) == 4, "all to be asked")
    assert daemon.wids("w") == pids
    _end(list(pids.values()))


@pytest.mark.parametrize(
    ("signum", "wanted"),
    [(1, "SIGHUP"), ("usr1", "SIGUSR1"), ("SIGUSR2", "SIGUSR2"), ("28", "SIGWINCH")],
    ids=["number", "name", "full-name", "number-as-text"],
)
def test_signal_reaches_every_process_and_ends_none(daemon: Daemon, signum: object, wanted: str) -> None:
    daemon.start(watcher("w", cmd=signals("w"), numprocesses=2))
    pids = daemon.wait_ready("w", 2)

    daemon.call("signal", name="w", signum=signum)

    wait_for(lambda: len(daemon.said("signal", "w")) == 2, "both to print it")
    assert sorted(map(tuple, daemon.said("signal", "w"))) == [(str(w), str(pids[w]), wanted) for w in (1, 2)]
    assert daemon.wids("w") == pids


def test_signal_of_one_pid(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w"), numprocesses=2))
    pids = daemon.wait_ready("w", 2)

    daemon.call("signal", name="w", pid=pids[2], signum="HUP")
    daemon.call("signal", name="w", pid=os.getpid(), signum="KILL")

    wait_for(lambda: daemon.said("signal", "w"), "it to print it")
    assert daemon.said("signal", "w") == [["2", str(pids[2]), "SIGHUP"]]


@pytest.mark.differs("B40: a pid that comes as text matches nothing")
def test_signal_takes_a_pid_as_text(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=signals("w")))
    (pid,) = daemon.wait_ready("w").values()

    daemon.call("signal", name="w", pid=str(pid), signum="HUP")

    wait_for(lambda: daemon.said("signal", "w"), "it to print it")


def test_signal_to_children_spares_the_process(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=family("w")))
    parent, child, grandchild = _family(daemon)

    daemon.call("signal", name="w", signum="KILL", children=True)

    wait_for(lambda: not procs.is_alive(child), "the child to end")
    assert procs.is_alive(parent)
    assert procs.is_alive(grandchild)
    _end([grandchild])


@pytest.mark.differs("B10: descendants of what dies at once are not found any more")
def test_recursive_signal_reaches_all_descendants(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=family("w"), respawn=False))
    pids = _family(daemon)

    daemon.call("signal", name="w", signum="KILL", recursive=True)

    wait_for(lambda: not any(map(procs.is_alive, pids)), "all three to end")


@pytest.mark.parametrize("key", ["childpid", pytest.param("child_pid", marks=pytest.mark.differs("reads childpid"))])
def test_signal_to_one_child(daemon: Daemon, key: str) -> None:
    daemon.start(watcher("w", cmd=family("w")))
    parent, child, grandchild = _family(daemon)

    daemon.call("signal", name="w", pid=parent, signum="KILL", **{key: child})

    wait_for(lambda: not procs.is_alive(child), "the child to end")
    assert procs.is_alive(parent)
    _end([grandchild])


@pytest.mark.differs("B9: errno 5 with the text of an AttributeError")
@pytest.mark.parametrize("signum", ["SIGBOGUS", 4000, "", -1])
def test_a_signal_that_is_none_is_refused(daemon: Daemon, signum: object) -> None:
    daemon.start(watcher("w"))
    before = daemon.pids("w")

    assert daemon.refused("signal", name="w", signum=signum)["errno"] == 3

    assert daemon.pids("w") == before
