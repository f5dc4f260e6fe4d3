"""What output costs: a process that prints as fast as it can, what arrives in the log, what else goes on meanwhile.

The logs of all are in the folder for temporary files (``TMPDIR``), and removed before much of them is on disk. What it
costs the kernel to write a file is part of all figures: on one machine 0.26 s of CPU a GB with ext4, 0.6 with tmpfs.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import Peer, Writer
from benchmarks.running import Failed, Running, cpu_and_turns, running

TOTAL = 256_000_000
LINE = 100
CROWD = 20
STALLED = 10.0  # seconds without a byte
VICTIMS = 30
ASKING = 3.0  # seconds
REPLACING = 10.0  # seconds, then a slow daemon has shown enough
ROTATED_AT = 50_000_000

Samples = dict[str, list[float]]

# writer.py HOME NAME LINES TOTAL: reports to HOME/began as the other processes do, waits until HOME/go is opened,
# prints so many lines of 100 bytes a write, up to TOTAL bytes; for ever when that is 0.
WRITER = """
import itertools, os, struct, sys, time
home, name, lines, total = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open(f"{home}/writers", "a") as pids:
    pids.write(f"{os.getpid()}\\n")
now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
report = os.open(f"{home}/began", os.O_WRONLY)
os.write(report, struct.pack("<qqq", now // 10**9, now % 10**9, os.getpid()))
os.close(report)
open(f"{home}/go").close()
data = b"".join(b"%s %s\\n" % (name.encode(), b"x" * (98 - len(name))) for _ in range(lines))
for n in itertools.count() if not total else range(total // len(data)):
    left = data
    while left:
        left = left[os.write(1, left):]
time.sleep(3600)
"""


class Flooding(Peer):
    """A peer with a writer beside its processes.

    :param folder: where the log is
    """

    def __init__(self, peer: Peer, folder: Path, lines: int, total: int, *, limit: int = 0, copies: int = 1) -> None:
        self.name = peer.name  # type: ignore[misc]  # it stands for the other
        self.stop_signal = peer.stop_signal  # type: ignore[misc]
        self.log = folder / "flood.log"
        self._peer = peer
        self._lines = lines
        self._total = total
        self._limit = limit
        self._copies = copies

    def version(self) -> str:
        return self._peer.version()

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        (home / "writer.py").write_text(WRITER)
        os.mkfifo(home / "go")
        command = f"{sys.executable} -I -S {home}/writer.py {home} w {self._lines} {self._total}"
        writer = Writer(command, self.log, self._limit, self._copies)
        return self._peer.configure_writer(home, program, count - self._copies, writer)

    @contextmanager
    def asking(self, home: Path) -> Iterator[Callable[[], object] | None]:
        with self._peer.asking(home) as ask:
            yield ask


def go(home: Path) -> None:
    """Let the writers begin."""
    os.close(os.open(home / "go", os.O_WRONLY))


@contextmanager
def flooded(
    peer: Peer, count: int, *, lines: int, total: int = TOTAL, limit: int = 0, copies: int = 1
) -> Iterator[Running]:
    """Run *peer* with *count* processes, of which *copies* wait to write."""
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        running(Flooding(peer, Path(folder), lines, total, limit=limit, copies=copies), count) as run,
    ):
        yield run


in_blocks = partial(flooded, count=2, lines=1000)
in_lines = partial(flooded, count=2, lines=1)
by_twenty = partial(flooded, count=CROWD + 1, lines=8, total=TOTAL // CROWD, copies=CROWD)
for_ever = partial(flooded, count=VICTIMS + 1, lines=1000, total=0, limit=ROTATED_AT)


def _log(run: Running) -> Path:
    assert isinstance(run.peer, Flooding)
    return run.peer.log


def flood(run: Running, *, row: str) -> Samples:
    """Return MB/s, and the CPU seconds a GB of the daemon, until 256 MB are in the file."""
    pids = run.daemon_pids()
    time.sleep(1.0)
    before = cpu_and_turns(pids)[0]
    started = time.monotonic()
    go(run.home)
    _wait_for_size(run, _log(run))
    took = time.monotonic() - started
    spent = (cpu_and_turns(pids)[0] - before) / 1000
    return {row: [TOTAL / took / 1e6], f"{row}, CPU a GB": [spent / TOTAL * 1e9]}


def _wait_for_size(run: Running, path: Path) -> None:
    size, limit = 0, time.monotonic() + STALLED
    while size < TOTAL:
        time.sleep(0.002)
        before, size = size, path.stat().st_size if path.exists() else 0
        if size > before:
            limit = time.monotonic() + STALLED
        elif time.monotonic() > limit:
            raise Failed(f"{run.peer.name}: {size} of {TOTAL} bytes are in the log, and no more come")


def crowd(run: Running) -> Samples:
    """Return how many lines of twenty writers to one file are broken or missing, and how many bytes are missing."""
    go(run.home)
    try:
        _wait_for_size(run, _log(run))
    except Failed as exc:
        print(exc, file=sys.stderr)
    data = _log(run).read_bytes()
    whole = data.split(b"\n").count(b"w " + b"x" * (LINE - 3))
    return {"broken lines of 20 writers": [float(TOTAL // LINE - whole)], "lost bytes": [float(TOTAL - len(data))]}


def meanwhile(run: Running) -> Samples:
    """Return what asking and replacing take while a writer floods a file that is rotated."""
    with _flooding(run) as writer:
        victims = [child.pid for child in run.began if child.pid != writer]
        asked = sorted(_asked(run))
        run.wait_until_old()
        replaced = sorted(_replaced(run, victims))
    return {
        "status in a flood, p99": [asked[int(0.99 * len(asked))]],
        "status in a flood, median": [statistics.median(asked)],
        "replacement in a flood, median": [statistics.median(replaced)],
        "replacement in a flood, p95": [replaced[min(len(replaced) - 1, int(0.95 * len(replaced)))]],
    }


@contextmanager
def _flooding(run: Running) -> Iterator[int]:
    """Let the writer begin, yield its pid, and make sure at the end that it flooded all the time."""
    (pid,) = map(int, (run.home / "writers").read_text().split())
    go(run.home)
    yield pid
    before = _written(pid)
    time.sleep(1.0)
    if _written(pid) == before:
        raise Failed(f"{run.peer.name}: the writer waits, its output is not taken")


def _written(pid: int) -> int:
    """Return how many bytes a process has written so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def _asked(run: Running) -> list[float]:
    took = []
    with run.peer.asking(run.home) as ask:
        assert ask is not None
        limit = time.monotonic() + ASKING
        while time.monotonic() < limit:
            before = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - before))
            time.sleep(0.001)
    return took


def _replaced(run: Running, victims: list[int]) -> list[float]:
    took: list[float] = []
    limit = time.monotonic() + REPLACING
    for pid in victims:
        time.sleep(random.uniform(0.01, 0.03))
        took.append(run.replaced([pid]))
        if time.monotonic() > limit:
            break
    return took
