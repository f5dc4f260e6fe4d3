"""How figures grow with the number of processes."""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

from benchmarks.control import asked, stopped
from benchmarks.peers import NAME, Circus, Peer
from benchmarks.running import Failed, running

COUNTS = (100, 1000, 3000, 10_000)
KILLED = 10  #: one after the other
ROUNDS = 200

Samples = dict[str, list[float]]
ROWS = {
    "cold start": "ms",
    "memory": "MiB",
    "replacement": "ms",
    "all killed at once": "ms",
    "status": "ms",
    "list": "ms",
    "stats": "ms",
    "stop": "ms",
}


def rows(count: int) -> dict[str, str]:
    """Return the rows of one number of processes."""
    return {f"{name}, {count}": unit for name, unit in ROWS.items()}


def growth(count: int, peer: Peer) -> Samples:
    """Return every figure of one daemon with *count* processes."""
    assert isinstance(peer, Circus)
    found = {}
    with running(peer, count) as run:
        found["cold start"] = 1000 * (max(child.at for child in run.began) - run.started)
        run.wait_until_answering()
        run.wait_until_old(2.0)
        found["memory"] = run.memory()
        found["status"] = _round_trip(peer, run.home)
        found["list"] = asked(run, count)
        with peer.connected(run.home) as ask:
            took = []
            for _ in range(3):
                before = time.perf_counter()
                info = ask("stats", name=NAME)["info"]
                took.append(1000 * (time.perf_counter() - before))
                if len(info) != count:
                    raise Failed(f"{peer.name}: {len(info)} processes in the reply")
        found["stats"] = statistics.median(took)
        pids = [child.pid for child in run.began]
        took = []
        for pid in pids[:KILLED]:
            took.append(run.replaced([pid]))
            time.sleep(0.02)
        found["replacement"] = statistics.median(took)
        time.sleep(1.5)
        alive = sorted(run.children.pids - set(pids[:KILLED]))
        killed = time.monotonic()
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        found["all killed at once"] = run.began_since(killed, count, 120)
        time.sleep(1.5)
        found["stop"] = stopped(run)
    return {f"{name}, {count}": [value] for name, value in found.items()}


def _round_trip(peer: Peer, home: Path) -> float:
    took = []
    with peer.asking(home) as ask:
        assert ask is not None
        for _ in range(ROUNDS):
            before = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - before))
    return statistics.median(took)
