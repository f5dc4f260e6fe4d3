"""Facts about processes from Linux's /proc."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import suppress
from typing import Final

from circus_core._figures import Figures

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ENOUGH: Final = 4096  # bytes: more than ``stat`` ever has, and than a program's name


def _read(path: str) -> bytes:
    """Return the content of a file that is made up as it is read, b"" when there is none or it is not for us."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _ENOUGH)
    except ProcessLookupError:  # it ended in between
        return b""
    finally:
        os.close(fd)


def read_figures(pid: int) -> Figures | None:
    """Return the figures of one process, ``None`` when there is no such process."""
    data = _read(f"/proc/{pid}/stat")
    if not data:
        return None
    # The name in parentheses may hold anything, parentheses and spaces too.
    fields = data[data.rindex(b")") + 2 :].split()
    return Figures(
        pid=pid,
        ppid=int(fields[1]),
        birth=int(fields[19]),
        is_zombie=fields[0] in (b"Z", b"X"),
        cpu_time=(int(fields[11]) + int(fields[12])) / _TICKS,
        nice=int(fields[16]),
        created=int(fields[19]) / _TICKS + _boot_time(),
        vms=int(fields[20]),
        rss=int(fields[21]) * _PAGE,
    )


def read_all_figures() -> dict[int, Figures]:
    """Return the figures of every process that we may see."""
    found = (read_figures(int(name)) for name in os.listdir("/proc") if name.isdecimal())
    return {figures.pid: figures for figures in found if figures is not None}


def read_command(pid: int) -> str | None:
    """Return ``argv[0]`` as the process has it now, ``None`` when it cannot be known."""
    word = _read(f"/proc/{pid}/cmdline").partition(b"\0")[0]
    return os.fsdecode(word) if word else None


def read_uid(pid: int) -> int | None:
    """Return the user that a process has the rights of, ``None`` when it cannot be known."""
    # Six times cheaper than ``status``. Only of what is in this folder may root be the owner instead.
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """Return the pids of the direct children of a process, sorted; zombies are among them."""
    # The kernel may leave one out when another one ends while it lists them (proc(5)), so it has to say so twice.
    listed = _listed_children(pid)
    if listed is not None and listed == _listed_children(pid):
        return listed
    parents = defaultdict(list)
    for figures in read_all_figures().values():
        parents[figures.ppid].append(figures.pid)
    return sorted(parents[pid])


def _listed_children(pid: int) -> list[int] | None:
    """Return what the kernel lists, ``None`` when it was built without that list."""
    folder = f"/proc/{pid}/task"
    try:
        threads = os.listdir(folder)
    except OSError:
        return []
    if threads and not os.path.exists(f"{folder}/{threads[0]}/children"):
        return None
    found: list[int] = []
    for thread in threads:
        with suppress(FileNotFoundError, ProcessLookupError), open(f"{folder}/{thread}/children", "rb") as file:
            found += map(int, file.read().split())
    return sorted(found)


def total_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * _PAGE


def _boot_time() -> float:
    # As this clock and the wall clock stand now: the start of a process is counted from it.
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
