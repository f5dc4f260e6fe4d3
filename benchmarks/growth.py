"""How figures grow with the number of processes."""

from __future__ import annotations

import statistics
import time

from benchmarks.control import asked, stopped
from benchmarks.running import Running, round_trips
from benchmarks.sampling import figures_asked

COUNTS = (100, 1000, 3000, 10_000)
KILLED = 10  #: one after the other
ROUNDS = 200
ASKING = 60.0  #: seconds

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


def growth(run: Running) -> Samples:
    """Return every figure of one daemon, whatever the number of its processes."""
    count = len(run.began)
    found = {"cold start": 1000 * (max(child.at for child in run.began) - run.started)}
    run.wait_until_answering()
    run.wait_until_old(2.0)
    found["memory"] = run.memory()
    with run.circus.asking(run.home) as ask:
        found["status"] = statistics.median(round_trips(ask, most=ROUNDS, seconds=ASKING))
    found["list"] = asked(run, count)
    found["stats"] = figures_asked(run, count, 3)
    pids = [child.pid for child in run.began]
    took = []
    for pid in pids[:KILLED]:
        took.append(run.replaced([pid]))
        time.sleep(0.02)
    found["replacement"] = statistics.median(took)
    time.sleep(1.5)
    found["all killed at once"] = run.replaced(sorted(run.children.pids - set(pids[:KILLED])), 120)
    time.sleep(1.5)
    found["stop"] = stopped(run)
    return {f"{name}, {count}": [value] for name, value in found.items()}
