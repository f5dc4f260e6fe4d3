"""The program that every peer runs: tells when it began to run, then waits, and costs nothing else.

It is a static ELF of some 200 bytes without an interpreter, a library or a compiler: it reads the monotonic clock,
writes (seconds, nanoseconds, pid) to a FIFO and pauses until a signal ends it. So the moment that a process runs is
known exactly, however late it is read, and nobody polls while a daemon is measured.

No program that people run is as light: the least that they do is to load the C library, which takes longer than all
else until they run. So there is a second one that does the same, but has the C library loaded first.
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


LOADER = b"/lib64/ld-linux-x86-64.so.2"  # of glibc
LIBRARY = b"libc.so.6"

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOAD, _DYNAMIC, _INTERPRETER, _STACK = 1, 2, 3, 0x6474E551  # PT_*
_NEEDED, _STRTAB, _SYMTAB, _STRSZ, _SYMENT = 1, 5, 6, 10, 11  # DT_*


def write_program(path: Path, fifo: Path, *, links: bool = False) -> None:
    """Write the executable *path*, whose processes report to *fifo*.

    :param links: the C library is loaded first
    """
    if platform.machine() != "x86_64":
        raise SystemExit(f"the benchmarks' child program is for x86_64, this machine is {platform.machine()}")
    code = _CODE + os.fsencode(fifo) + b"\0"
    start = _HEADER.size + _SEGMENT.size * (4 if links else 1)
    body = code + (_what_loads(start + len(code)) if links else b"")
    size = start + len(body)
    segments = [(_LOAD, 7 if links else 5, 0, size)]  # the loader writes to what it reads
    if links:
        named = start + len(code)
        dynamic = named + len(LOADER) + 1 + len(LIBRARY) + 2
        segments = [(_INTERPRETER, 4, named, len(LOADER) + 1), *segments, (_DYNAMIC, 6, dynamic, size - dynamic)]
        segments.append((_STACK, 6, 0, 0))
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    count = len(segments)
    header = _HEADER.pack(ident, 2, 62, 1, BASE + start, _HEADER.size, 0, 0, 64, _SEGMENT.size, count, 0, 0, 0)
    table = b"".join(
        _SEGMENT.pack(kind, flags, at, BASE + at, BASE + at, length, length, 0x1000 if kind == _LOAD else 1)
        for kind, flags, at, length in segments
    )
    path.write_bytes(header + table + body)
    path.chmod(0o755)


def _what_loads(at: int) -> bytes:
    """Return the loader's path, a table of strings and the dynamic section, for the place *at* of the file."""
    strings = b"\0" + LIBRARY + b"\0"
    where = BASE + at + len(LOADER) + 1
    entries = ((_NEEDED, 1), (_STRTAB, where), (_SYMTAB, where), (_STRSZ, len(strings)), (_SYMENT, 24), (0, 0))
    return LOADER + b"\0" + strings + b"".join(struct.pack("<qQ", *entry) for entry in entries)


@dataclass(frozen=True)
class Began:
    """A process that began to run, at a ``time.monotonic()`` reading."""

    pid: int
    at: float


class Children:
    """The reading end: all processes that reported, in the order that they did.

    :param links: the program is the one that has the C library loaded
    """

    def __init__(self, home: Path, *, links: bool = False) -> None:
        self.program = home / "child"
        fifo = home / "began"
        os.mkfifo(fifo, 0o666)
        write_program(self.program, fifo, links=links)
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
