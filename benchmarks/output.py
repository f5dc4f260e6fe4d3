"""One writer through the pump to a file, beside a bare read and write loop in the same run.

Prints MB/s and CPU seconds of the reading side a GB, the medians of some repeats: ``python benchmarks/output.py``.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event

from circus_core.output import Pump
from circus_core.output.journal import Journal
from circus_streams.file import FileStream

PAUSE = 0.0065  # seconds in which a writer of 100 bytes a write fills two thirds of a big pipe

WRITER = """
import os, sys
data = (b"x" * 99 + b"\\n") * int(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.write(1, data)
"""


def spawn(lines: int, total: int, stdout: int) -> subprocess.Popen[bytes]:
    """Start a writer of *total* bytes, so many 100-byte lines a write."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(lines), str(total // (100 * lines))], stdout=stdout)


def bare(path: Path, lines: int, total: int) -> None:
    """Move the bytes by the simplest loop on a big pipe."""
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)
    process = spawn(lines, total, write)
    os.close(write)
    buffer = memoryview(bytearray(1 << 20))
    with path.open("wb", buffering=0) as file:
        while size := os.readv(read, [buffer]):
            file.write(buffer[:size])
    process.wait()
    os.close(read)


def paced(path: Path, lines: int, total: int) -> None:
    """Move them by a loop that wakes no more often than the pump: the least that two copies cost here."""
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)
    process = spawn(lines, total, write)
    os.close(write)
    os.set_blocking(read, False)
    buffer = memoryview(bytearray(1 << 20))
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                size = os.readv(read, [buffer])
            except BlockingIOError:
                size = -1
            if not size:
                break
            if size > 0:
                file.write(buffer[:size])
            time.sleep(PAUSE)
    process.wait()
    os.close(read)


def pump(path: Path, lines: int, total: int, journal: Journal | None = None) -> None:
    """Move them by the pump to a FileStream."""
    pump = Pump(journal=journal)
    pump.start()
    target = pump.target(FileStream(str(path)), name="bench")
    read, write = os.pipe()
    process = spawn(lines, total, write)
    os.close(write)
    token = pump.add(read, target, watcher="bench", wid=1, pid=process.pid, name="stdout")
    process.wait()
    done = Event()
    pump.finish([token], done.set)
    done.wait()
    pump.stop()


def measure(move: Callable[[Path, int, int], None], lines: int, total: int) -> tuple[float, float]:
    """Return MB/s and CPU seconds a GB of one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.log"
        cpu, wall = time.process_time(), time.perf_counter()
        move(path, lines, total)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert path.stat().st_size == total
    return total / wall / 1e6, cpu / total * 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    total = options.mb * 1_000_000
    for lines in (1000, 1):
        runs: dict[str, list[tuple[float, float]]] = {"bare loop": [], "paced loop": [], "pump": [], "with journal": []}
        for _ in range(options.repeat):
            runs["bare loop"].append(measure(bare, lines, total))
            if lines == 1:  # else its writer would wait
                runs["paced loop"].append(measure(paced, lines, total))
            runs["pump"].append(measure(pump, lines, total))
            runs["with journal"].append(measure(partial(pump, journal=Journal.create()), lines, total))
        for name, results in runs.items():
            if not results:
                continue
            speed, cpu = (statistics.median(column) for column in zip(*results, strict=True))
            print(f"{100 * lines:7} bytes a write  {name:10} {speed:6.0f} MB/s  {cpu:5.2f} CPU s/GB")


if __name__ == "__main__":
    main()
