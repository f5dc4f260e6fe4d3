"""The program that every peer runs: tells when it began to run, then waits, and costs nothing else.

It is a static ELF of some 200 bytes without an interpreter, a library or a compiler: it reads the monotonic clock,
writes (seconds, nanoseconds, pid) to a FIFO and pauses until a signal ends it. So the moment that a process runs is
known exactly, however late it is read, and nobody polls while a daemon is measured.
"""

from __future__ import annotations

import fcntl
import os
import platform
import select
import struct
import time
from dataclasses import dataclass
from pathlib import Path

BASE = 0x400000
RECORD = struct.Struct("<qqq")
F_SETPIPE_SZ = 1031

_CODE = bytes.fromhex(
    "4883ec20"  # sub rsp, 32
    "bf01000000 4889e6 b8e4000000 0f05"  # clock_gettime(CLOCK_MONOTONIC, rsp)
    "b827000000 0f05 4889442410"  # [rsp + 16] = getpid()
    "488d3d2d000000 be01000000 b802000000 0f05"  # open(path, O_WRONLY); the path follows the code
    "89c7 4889e6 ba18000000 b801000000 0f05"  # write(fd, rsp, 24)
    "b803000000 0f05"  # close(fd)
    "b822000000 0f05 ebf7"  # for (;;) pause()
)


def write_program(path: Path, fifo: Path) -> None:
    """Write the executable *path*, whose processes report to *fifo*."""
    if platform.machine() != "x86_64":
        raise SystemExit(f"the benchmarks' child program is for x86_64, this machine is {platform.machine()}")
    body = _CODE + os.fsencode(fifo) + b"\0"
    start = 64 + 56
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, BASE + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = start + len(body)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    path.write_bytes(header + segment + body)
    path.chmod(0o755)


@dataclass(frozen=True)
class Began:
    """A process that began to run, at a ``time.monotonic()`` reading."""

    pid: int
    at: float


class Children:
    """The reading end: all processes that reported, in the order that they did."""

    def __init__(self, home: Path) -> None:
        self.program = home / "child"
        fifo = home / "began"
        os.mkfifo(fifo, 0o666)
        write_program(self.program, fifo)
        self._fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # ours to write too: never an end of file
        fcntl.fcntl(self._fd, F_SETPIPE_SZ, 1 << 20)
        self.pids: set[int] = set()

    def close(self) -> None:
        os.close(self._fd)

    def wait(self, count: int, timeout: float) -> list[Began]:
        """Return the next *count* processes; fewer when they do not come in time.

        Sleeps between reads, since the times do not depend on when they are read.
        """
        limit = time.monotonic() + timeout
        began: list[Began] = []
        while len(began) < count and (left := limit - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left)[0]:
                break
            data = os.read(self._fd, RECORD.size * (count - len(began)))
            began += [Began(pid, seconds + ns / 1e9) for seconds, ns, pid in RECORD.iter_unpack(data)]
            time.sleep(0.005)
        self.pids.update(child.pid for child in began)
        return began
