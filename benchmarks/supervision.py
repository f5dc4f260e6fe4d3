"""What supervisors are for: starting, replacing, answering, resting, outliving."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import time

from benchmarks.running import Failed, Running, cpu_and_turns, round_trips
from tests.support import procs

Samples = dict[str, list[float]]
SETTLING_TIME = 6.0  # by then every daemon has done what follows a start
IDLE_TIME = 20.0
REPLACING_TIME = 10.0  #: seconds, then a slow daemon has shown enough
ASKING_TIME = 3.0


def cold_start(run: Running) -> Samples:
    return {f"cold start of {len(run.began)}": [1000 * (max(child.at for child in run.began) - run.started)]}


def replacement(run: Running) -> Samples:
    """Kill processes one after the other; each is old enough not to be paced."""
    run.wait_until_old()
    took: list[float] = []
    limit = time.monotonic() + REPLACING_TIME
    for child in run.began:
        took.append(run.replaced([child.pid]))
        if time.monotonic() > limit:
            break
        time.sleep(random.uniform(0.01, max(0.02, took[-1] / 1000)))  # not in step with a daemon that polls
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    return {"replacement, median": [statistics.median(took)], "replacement, p95": [p95]}


def mass_replacement(run: Running) -> Samples:
    run.wait_until_old()
    return {"200 killed at once": [run.replaced([child.pid for child in run.began])]}


def status_round_trip(run: Running) -> Samples:
    run.wait_until_answering()
    run.wait_until_old()
    with run.peer.asking(run.home) as ask:
        assert ask is not None
        round_trips(ask, most=20, seconds=1)
        took = round_trips(ask, most=500, seconds=ASKING_TIME)
    return {f"status round trip, {len(run.began)}": [statistics.median(took)]}


def whole_status(run: Running) -> Samples:
    run.wait_until_answering()
    command = run.peer.status_command(run.home)
    assert command is not None

    def show() -> None:
        # Without a limit: with one, Python looks every 50 ms whether it has ended.
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    show()
    return {"status command": [statistics.median(round_trips(show, most=5, seconds=30))]}


def resident(run: Running) -> Samples:
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


def takeover(run: Running) -> Samples:
    """Kill the arbiter of 1000 processes, and ask until another one answers."""
    run.wait_until_answering()
    (arbiter,) = run.daemon_pids()[1:]
    killed = time.monotonic()
    os.kill(arbiter, signal.SIGKILL)
    run.wait_until_answering()
    answered = 1000 * (time.monotonic() - killed)
    if lost := sum(not procs.is_alive(child.pid) for child in run.began):
        raise Failed(f"{run.peer.name}: {lost} processes did not outlive the arbiter")
    return {"take-over of 1000": [answered]}
