"""What happens when a process ends by itself: replaced at once, in its slot, paced when it keeps dying."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PYTHON, circus, stubborn, watcher
from tests.support.waiting import wait_for


def test_dead_process_is_replaced_with_the_same_wid(daemon: Daemon) -> None:
    daemon.start(watcher("web", numprocesses=2))
    before = daemon.wait_ready("web", 2)

    os.kill(before[1], signal.SIGKILL)

    after = daemon.wait_ready("web", 2, without=before[1])
    assert after.keys() == {1, 2}
    assert after[2] == before[2]
    assert daemon.wids("web") == after


@pytest.mark.differs("A21: it looks for dead processes every check_delay")
def test_the_replacement_waits_for_no_timer(daemon: Daemon) -> None:
    daemon.start(circus(check_delay=60), watcher("web"))
    before = daemon.wait_ready("web")

    os.kill(before[1], signal.SIGKILL)

    wait_for(lambda: daemon.ready_pids("web", count=1, without=before[1]), "a new process")


def test_fifty_dead_at_once_are_all_replaced(daemon: Daemon) -> None:
    daemon.start(watcher("web", numprocesses=50))
    before = daemon.wait_ready("web", 50)

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    assert daemon.wait_ready("web", 50, without=list(before.values())).keys() == before.keys()


@pytest.mark.differs("A21: it knows no pacing")
def test_a_process_that_dies_at_once_costs_little_and_harms_nobody(daemon: Daemon) -> None:
    fork_and_die = "/bin/sh -c 'sleep 0.1 & exit 0'"
    daemon.start(
        watcher("dies", cmd="/bin/false"),
        watcher("forks", cmd=fork_and_die),
        watcher("absent", cmd="/nonexistent/program"),
        watcher("fine"),
        wait=False,
    )
    before = daemon.wait_ready("fine")
    wait_for(lambda: daemon.status("absent") == "stopped", "max_retry to be reached")
    clock, cpu = _uptime(), procs.cpu_seconds(daemon.pid)

    wait_for(lambda: _uptime() - clock > 5, "five seconds to pass")

    assert (procs.cpu_seconds(daemon.pid) - cpu) / (_uptime() - clock) < 0.02
    assert daemon.wids("fine") == before
    assert daemon.status("dies") == "active"


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


@pytest.mark.differs("A21: it knows no pacing")
def test_the_first_replacement_comes_at_once_and_the_next_ones_later_and_later(daemon: Daemon) -> None:
    daemon.start(watcher("dies", cmd="/bin/false", autostart=False))
    events = daemon.events()

    daemon.call("start", name="dies")

    came = events.until("watcher.dies.spawn", count=6)
    times = [event.data["time"] for event in came if event.action == "spawn"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] < gaps[4], gaps
    assert all(gap > 0.9 * delay for gap, delay in zip(gaps[1:], [0.1, 0.2, 0.4, 0.8], strict=True)), gaps


def test_respawn_false_stops_the_watcher_when_the_last_process_ended(daemon: Daemon) -> None:
    daemon.start(watcher("once", numprocesses=2, respawn=False))
    before = daemon.wait_ready("once", 2)

    os.kill(before[1], signal.SIGTERM)
    wait_for(lambda: daemon.pids("once") == [before[2]], "the first to be collected")
    assert daemon.status("once") == "active"
    os.kill(before[2], signal.SIGTERM)

    daemon.wait_status("once", "stopped")


def test_a_watcher_without_respawn_can_be_started_again(daemon: Daemon) -> None:
    daemon.start(watcher("once", respawn=False))
    before = daemon.wait_ready("once")
    os.kill(before[1], signal.SIGTERM)
    daemon.wait_status("once", "stopped")

    daemon.call("start", name="once", waiting=True)

    daemon.wait_ready("once", without=before[1])


@pytest.mark.differs("it has no on-failure")
@pytest.mark.parametrize(
    ("ending", "status"),
    [
        pytest.param("exit 0", "stopped", id="success"),
        pytest.param("exit 3", "active", id="failure"),
        pytest.param("kill -9 $$", "active", id="killed"),
    ],
)
def test_respawn_on_failure(daemon: Daemon, ending: str, status: str) -> None:
    options = {"cmd": f"""/bin/sh -c 'echo "ready job $$"; {ending}'""", "respawn": "on-failure"}
    daemon.start(watcher("job", options), wait=False)

    if status == "active":
        wait_for(lambda: len(daemon.said("ready", "job")) >= 2, "a second process")
    else:
        wait_for(lambda: daemon.said("ready", "job"), "the process")
        daemon.wait_status("job", "stopped")
        assert len(daemon.said("ready", "job")) == 1


def test_a_program_that_does_not_exist_stops_its_watcher_alone(daemon: Daemon) -> None:
    daemon.start(watcher("absent", cmd="/nonexistent/program --flag"), watcher("fine"), wait=False)

    daemon.wait_status("absent", "stopped")

    daemon.wait_status("fine", "active")
    assert "/nonexistent/program" in daemon.log


@pytest.mark.differs("it publishes nothing of failed tries")
def test_max_retry_counts_the_tries(daemon: Daemon) -> None:
    daemon.start(watcher("absent", cmd="/nonexistent/program", max_retry=3, autostart=False), watcher("fine"))
    events = daemon.events()

    daemon.call("start", name="absent")

    came = events.until("watcher.absent.stop")
    assert [event.action for event in came] == ["spawn_failure"] * 3 + ["stop"]


@pytest.mark.differs("it blocks the whole daemon while it tries for ever")
def test_max_retry_minus_one_goes_on_when_the_program_appears(daemon: Daemon) -> None:
    program = daemon.home / "late"
    daemon.start(watcher("late", cmd=f"{program} x", max_retry=-1), watcher("fine"), wait=False)
    daemon.wait_status("fine", "active")
    wait_for(lambda: str(program) in daemon.log, "a failed try")

    program.write_text('#!/bin/sh\necho "ready late 1 $$"\nexec sleep 3600\n')
    program.chmod(0o755)

    daemon.wait_ready("late")


@pytest.mark.differs("it tells no reasons")
def test_status_long_says_why_a_watcher_stopped(daemon: Daemon) -> None:
    daemon.start(watcher("absent", cmd="/nonexistent/program", max_retry=1), watcher("fine"), wait=False)
    daemon.wait_status("absent", "stopped")

    shown = daemon.ctl("status", "--long").stdout

    (line, *_) = (line for line in shown.splitlines() if "absent" in line)
    assert "stopped" in line
    assert "/nonexistent/program" in shown


def test_max_age_replaces_processes_that_are_too_old(daemon: Daemon) -> None:
    daemon.start(watcher("old", max_age=1, max_age_variance=0, numprocesses=2))
    before = daemon.wait_ready("old", 2)

    after = daemon.wait_ready("old", 2, without=list(before.values()))

    assert set(after.values()).isdisjoint(before.values())


@pytest.mark.differs("it waits for the old one first")
def test_a_process_on_its_way_out_does_not_delay_its_replacement(daemon: Daemon) -> None:
    daemon.start(watcher("slow", cmd=stubborn("slow"), max_age=1, max_age_variance=0, graceful_timeout=600))
    (old,) = daemon.wait_ready("slow").values()

    pids = wait_for(
        lambda: alive if len(alive := daemon.ready_pids("slow", count=2) or {}) == 2 else None,
        "a new process beside the old one",
    )

    assert old in pids.values()
    daemon.call("set", name="slow", options={"graceful_timeout": 0.1, "max_age": 0})
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)


def test_a_stopped_process_is_not_replaced(daemon: Daemon) -> None:
    daemon.start(watcher("w", numprocesses=2), watcher("x"))
    before = daemon.wait_ready("w", 2)

    os.kill(before[1], signal.SIGSTOP)
    daemon.call("restart", name="x", waiting=True)

    assert daemon.pids("w") == sorted(before.values())
    os.kill(before[1], signal.SIGCONT)


def test_output_written_just_before_the_end_is_delivered(daemon: Daemon) -> None:
    target = daemon.home / "out"
    code = "import os; os.write(1, b'x' * 40000 + b'END'); os.kill(os.getpid(), 9)"
    stream = {"stdout_stream.class": "FileStream", "stdout_stream.filename": target}
    daemon.start(watcher("loud", {"cmd": f'{PYTHON} -c "{code}"', "respawn": False, **stream}), wait=False)
    daemon.wait_status("loud", "stopped")

    wait_for(lambda: target.exists() and target.read_bytes().count(b"END") == 1, "all that was written")

    assert target.read_bytes().strip() == b"x" * 40000 + b"END"
