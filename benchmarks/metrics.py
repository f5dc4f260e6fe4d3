"""What is measured. Each metric runs one daemon once and returns its samples, row by row."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.flood import crowd, flood, meanwhile
from benchmarks.peers import Circus, Peer
from benchmarks.running import Failed, Running, cpu_and_turns, running
from benchmarks.sampling import all_figures, sampling

Samples = dict[str, list[float]]
OLD_ENOUGH = 1.3  # seconds: younger processes are replaced later, by every supervisor that paces
SETTLING_TIME = 6.0  # by then every daemon has done what follows a start
IDLE_TIME = 20.0


@dataclass(frozen=True)
class Metric:
    """One thing to measure.

    :param rows: row name to unit; a row holds the samples of one figure, of which less is better
    :param applies: whether a peer can be measured
    """

    name: str
    doc: str
    rows: dict[str, str]
    measure: Callable[[Peer], Samples]
    applies: Callable[[Peer], bool] = lambda peer: True


def cold_start(count: int, peer: Peer) -> Samples:
    with running(peer, count) as run:
        return {f"cold start of {count}": [1000 * (max(child.at for child in run.began) - run.started)]}


def replacement(peer: Peer) -> Samples:
    """Kill processes one after the other; each is old enough not to be paced."""
    with running(peer, 40) as run:
        victims = [child.pid for child in run.began]
        _wait_until(run.started, run, OLD_ENOUGH)
        took = []
        limit = time.monotonic() + 25
        for pid in victims:
            took.append(_replaced(run, [pid]))
            if time.monotonic() > limit:
                break
            time.sleep(random.uniform(0.01, max(0.02, took[-1] / 1000)))  # not in step with a daemon that polls
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    return {"replacement, median": [statistics.median(took)], "replacement, p95": [p95]}


def mass_replacement(peer: Peer) -> Samples:
    with running(peer, 200) as run:
        _wait_until(run.started, run, OLD_ENOUGH)
        return {"200 killed at once": [_replaced(run, [child.pid for child in run.began])]}


def _wait_until(started: float, run: Running, age: float) -> None:
    youngest = max(child.at for child in run.began)
    time.sleep(max(0.0, youngest + age - time.monotonic()))


def _replaced(run: Running, pids: list[int]) -> float:
    """Kill *pids* and return the milliseconds until as many new processes run."""
    killed = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    began = run.children.wait(len(pids), 30)
    if len(began) < len(pids):
        raise Failed(f"{run.peer.name}: {len(began)} of {len(pids)} were replaced in 30 s")
    return 1000 * (max(child.at for child in began) - killed)


def status_round_trip(count: int, peer: Peer) -> Samples:
    took = []
    with running(peer, count) as run, run.peer.asking(_answering(run)) as ask:
        assert ask is not None
        for _ in range(20):
            ask()
        limit = time.monotonic() + 5
        while len(took) < 500 and time.monotonic() < limit:
            before = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - before))
    return {f"status round trip, {count}": [statistics.median(took)]}


def whole_status(peer: Peer) -> Samples:
    took = []
    with running(peer, 10) as run:
        command = peer.status_command(_answering(run))
        assert command is not None
        for _ in range(6):
            before = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False)
            took.append(1000 * (time.perf_counter() - before))
    return {"status command": [statistics.median(took[1:])]}


def _answering(run: Running) -> Path:
    """Return the daemon's folder once it answers."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            with run.peer.asking(run.home) as ask:
                if ask is not None:
                    ask()
                return run.home
        except (OSError, TimeoutError):
            time.sleep(0.05)
    raise Failed(f"{run.peer.name} does not answer")


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def resident(peer: Peer) -> Samples:
    with running(peer, 1000) as run:
        time.sleep(SETTLING_TIME)
        pids = run.daemon_pids()
        memory = sum(map(_pss, pids)) / 1024
        before = cpu_and_turns(pids)
        time.sleep(IDLE_TIME)
        after = cpu_and_turns(pids)
    return {
        "memory with 1000": [memory],
        "idle CPU of 20 s": [after[0] - before[0]],
        "idle wake-ups in 20 s": [after[1] - before[1]],
    }


def _asks(peer: Peer) -> bool:
    return type(peer).asking is not Peer.asking


def _logs(peer: Peer) -> bool:
    return type(peer).configure_writer is not Peer.configure_writer


def _commands(peer: Peer) -> bool:
    return type(peer).status_command is not Peer.status_command


ALL = [
    *(
        Metric(
            f"cold-{count}",
            f"execution of the daemon to the last of {count} processes running",
            {f"cold start of {count}": "ms"},
            partial(cold_start, count),
        )
        for count in (1, 100, 1000)
    ),
    Metric(
        "replacement",
        "kill -9 of one of 40 processes to its replacement running",
        {"replacement, median": "ms", "replacement, p95": "ms"},
        replacement,
        lambda peer: peer.replaces,
    ),
    Metric(
        "mass",
        "kill -9 of 200 processes to the last replacement running",
        {"200 killed at once": "ms"},
        mass_replacement,
        lambda peer: peer.replaces,
    ),
    *(
        Metric(
            f"status-{count}",
            f"state of everything, asked on an open connection, with {count} processes",
            {f"status round trip, {count}": "ms"},
            partial(status_round_trip, count),
            _asks,
        )
        for count in (1, 1000)
    ),
    Metric(
        "command",
        "the whole command that shows the state of everything, with 10 processes",
        {"status command": "ms"},
        whole_status,
        _commands,
    ),
    Metric(
        "resident",
        "memory (PSS) of the daemon's own processes with 1000, then their CPU time and wake-ups in 20 s, nobody asking",
        {"memory with 1000": "MiB", "idle CPU of 20 s": "ms", "idle wake-ups in 20 s": ""},
        resident,
        lambda peer: peer.replaces,
    ),
    Metric(
        "sampling",
        "CPU of circusd-stats with 1000 processes, once a second: without and with a subscriber that reads them all",
        {"sampling 1000, CPU a second": "ms", "no subscriber, CPU a second": "ms"},
        sampling,
        lambda peer: isinstance(peer, Circus),
    ),
    Metric(
        "stats-1000",
        "the figures of all processes of a watcher of 1000, asked on an open connection",
        {"stats of 1000": "ms"},
        all_figures,
        lambda peer: isinstance(peer, Circus),
    ),
    *(
        Metric(
            name,
            f"256 MB of lines of 100 bytes from one process to a file, {how}",
            {row: "s", f"{row}, CPU a GB": "s"},
            partial(flood, lines=lines, row=row),
            _logs,
        )
        for name, how, row, lines in (
            ("flood", "100 kB a write", "256 MB of output", 1000),
            ("flood-lines", "a line a write", "256 MB, a line a write", 1),
        )
    ),
    Metric(
        "crowd",
        "lines of twenty processes to one file, 12.8 MB each, 800 bytes a write, that are broken or missing",
        {"broken lines of 20 writers": ""},
        crowd,
        lambda peer: isinstance(peer, Circus),
    ),
    Metric(
        "meanwhile",
        "state of everything, and kill -9 of one of 30 to its replacement running, while another process floods a file",
        {
            "status in a flood, median": "ms",
            "status in a flood, p99": "ms",
            "replacement in a flood, median": "ms",
            "replacement in a flood, p95": "ms",
        },
        meanwhile,
        lambda peer: _asks(peer) and _logs(peer),
    ),
]
