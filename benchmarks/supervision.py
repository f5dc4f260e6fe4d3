"""What supervisors are for: starting, replacing, answering, resting, outliving."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.peers import Peer
from benchmarks.running import Failed, Running, cpu_and_turns, running
from tests.support import procs

Samples = dict[str, list[float]]
SETTLING_TIME = 6.0  # by then every daemon has done what follows a start
IDLE_TIME = 20.0


def cold_start(count: int, peer: Peer) -> Samples:
    with running(peer, count) as run:
        return {f"cold start of {count}": [1000 * (max(child.at for child in run.began) - run.started)]}


def replacement(peer: Peer) -> Samples:
    """Kill processes one after the other; each is old enough not to be paced."""
    with running(peer, 40) as run:
        victims = [child.pid for child in run.began]
        run.wait_until_old()
        took: list[float] = []
        limit = time.monotonic() + 25
        for pid in victims:
            took.append(run.replaced([pid]))
            if time.monotonic() > limit:
                break
            time.sleep(random.uniform(0.01, max(0.02, took[-1] / 1000)))  # not in step with a daemon that polls
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    return {"replacement, median": [statistics.median(took)], "replacement, p95": [p95]}


def mass_replacement(peer: Peer) -> Samples:
    with running(peer, 200) as run:
        run.wait_until_old()
        return {"200 killed at once": [run.replaced([child.pid for child in run.began])]}


def status_round_trip(count: int, peer: Peer) -> Samples:
    took: list[float] = []
    with running(peer, count) as run, _answering(run) as ask:
        for _ in range(20):
            ask()
        limit = time.monotonic() + 5
        while len(took) < 500 and time.monotonic() < limit:
            before = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - before))
    return {f"status round trip, {count}": [statistics.median(took)]}


@contextmanager
def _answering(run: Running) -> Iterator[Callable[[], object]]:
    run.wait_until_answering()
    with run.peer.asking(run.home) as ask:
        assert ask is not None
        yield ask


def whole_status(peer: Peer) -> Samples:
    took = []
    with running(peer, 10) as run:
        run.wait_until_answering()
        command = peer.status_command(run.home)
        assert command is not None
        for _ in range(6):
            before = time.perf_counter()
            # Without a limit: with one, Python looks every 50 ms whether it has ended.
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            took.append(1000 * (time.perf_counter() - before))
    return {"status command": [statistics.median(took[1:])]}


def resident(peer: Peer) -> Samples:
    with running(peer, 1000) as run:
        time.sleep(SETTLING_TIME)
        pids = run.daemon_pids()
        memory = run.memory()
        before = cpu_and_turns(pids)
        time.sleep(IDLE_TIME)
        after = cpu_and_turns(pids)
    return {
        "memory with 1000": [memory],
        "idle CPU of 20 s": [after[0] - before[0]],
        "idle wake-ups in 20 s": [after[1] - before[1]],
    }


def takeover(peer: Peer) -> Samples:
    """Kill the arbiter of 1000 processes, and ask until another one answers."""
    with running(peer, 1000) as run:
        run.wait_until_answering()
        (arbiter,) = run.daemon_pids()[1:]
        killed = time.monotonic()
        os.kill(arbiter, signal.SIGKILL)
        run.wait_until_answering()
        answered = 1000 * (time.monotonic() - killed)
        lost = sum(not procs.is_alive(child.pid) for child in run.began)
    if lost:
        raise Failed(f"{peer.name}: {lost} processes did not outlive the arbiter")
    return {"take-over of 1000": [answered]}
