"""A day's worth of short-lived processes with output leaves nothing behind in circusd."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.soak.conftest import SHORTENED
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, Section, watcher
from tests.support.waiting import wait_for
from tests.support.watched import Figures, figures

LENGTH = 300.0  #: seconds
A_MINUTE = 1000  #: processes
LIFE = 1.05  # seconds; what lives less than one is replaced ever more slowly
ROUND = 5.0  # seconds between two looks, with commands in between


def stack(home: Path, processes: int) -> list[Section]:
    """Return watchers of short-lived processes, each with other streams."""
    files = {"stdout_stream.filename": home / "out.log", "stdout_stream.max_bytes": "1M"}
    json = {"stdout_stream.class": "JsonStream", "stdout_stream.filename": home / "json.log"}
    queued = {"stdout_stream.class": "StdoutStream", "stderr_stream.filename": home / "err.log"}
    cmd = f"/bin/sh {PROGRAMS}/chatter {LIFE}"
    return [
        watcher(f"w{n}", cmd=cmd, numprocesses=processes // 3, max_retry=-1, stop_children=True, **options)
        for n, options in enumerate([files, json, queued])
    ]


def live(daemon: Daemon, seconds: float) -> None:
    """Follow the output for so long, and do what people do meanwhile."""
    limit = time.monotonic() + seconds
    next_round = time.monotonic()
    cursor = daemon.call("logs")["cursor"]
    while time.monotonic() < limit:
        cursor = daemon.call("logs", after=cursor, lines=1000, wait=ROUND)["cursor"]
        if time.monotonic() > next_round:
            next_round += ROUND
            daemon.signal(signal.SIGUSR1)
            daemon.call("status", long=True)
            daemon.call("restart", name="w2", waiting=True)


def settled(daemon: Daemon) -> Figures:
    """Return the figures with nothing running, so that they can be compared."""
    daemon.call("stop", waiting=True)
    lowest: list[Figures] = []

    def probe() -> bool:
        lowest.append(figures(daemon.pid, *daemon.arbiters()))
        return len(lowest) > 1 and lowest[-1] == lowest[-2]

    wait_for(probe, "circusd to come to rest", 60)
    return lowest[-1]


@pytest.mark.differs("it is measured in other ways")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seat", ["--no-keeper", "--keeper"])
def test_short_lived_processes_leave_nothing_behind(daemon: Daemon, seat: str, is_full: bool) -> None:
    length = LENGTH if is_full else LENGTH / SHORTENED
    daemon.start(*stack(daemon.home, round(A_MINUTE / 60 * (LIFE + 0.15)) + 3), args=[seat])
    events = daemon.events()
    live(daemon, 6 * ROUND if is_full else ROUND)
    before = settled(daemon)
    events.so_far()
    daemon.call("start", waiting=True)
    started = time.monotonic()

    live(daemon, length)

    minutes = (time.monotonic() - started) / 60
    after = settled(daemon)
    spawned = sum(event.action == "spawn" for event in events.so_far())
    print(f"{seat}: {spawned} processes in {minutes:.1f} minutes; before: {before}; after: {after}")
    assert spawned / minutes > A_MINUTE * 0.7
    assert after.descriptors == before.descriptors
    assert after.threads == before.threads
    assert after.memory - before.memory < 3_000_000
    assert "output_lost" not in daemon.call("status")
    written = sum(path.stat().st_size for path in daemon.home.glob("*.log*"))
    assert written > 0
