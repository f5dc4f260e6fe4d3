"""Facts about processes from Linux's /proc."""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from circus_core._figures import Figures

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ENOUGH: Final = 4096  # bytes: more than ``stat`` ever has, and than a program's name
_MUCH: Final = 1 << 16  # bytes
_HAS_LISTS: Final = os.path.exists("/proc/thread-self/children")  # some kernels are built without
_OTHER_DESCRIPTORS: Final = 100  # that whoever keeps processes open has besides
_CLOCK_STEP: Final = 0.005  # seconds: by so much the wall clock has to move to change what is shown


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


def _read_list(path: str) -> bytes:
    """Return the content of a list that may be long, b"" when there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    found = b""
    try:
        while part := os.read(fd, _MUCH):
            found += part
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)
    return found


def read_figures(pid: int) -> Figures | None:
    """Return the figures of one process, ``None`` when there is no such process."""
    data = _read(f"/proc/{pid}/stat")
    return _figures(pid, data, _boot_time()) if data else None


def read_some_figures(pids: Iterable[int]) -> dict[int, Figures]:
    """Return the figures of those of *pids* that are there."""
    boot_time = _boot_time()
    found = ((pid, _read(f"/proc/{pid}/stat")) for pid in pids)
    return {pid: _figures(pid, data, boot_time) for pid, data in found if data}


def read_all_figures() -> dict[int, Figures]:
    """Return the figures of every process that we may see."""
    return read_some_figures(_all_pids())


def read_children(parents: Mapping[int, Figures]) -> dict[int, list[Figures]]:
    """Return pid to the direct children of that process, for those of *parents* that have any."""
    found: dict[int, list[Figures]] = defaultdict(list)
    others = _process_count() - len(parents)
    if sum(figures.threads for figures in parents.values()) < others:
        listed = {pid: _listed_children(pid, figures.threads) for pid, figures in parents.items()}
        if None not in listed.values():
            below = read_some_figures(child for children in listed.values() for child in children or ())
            for figures in below.values():
                found[figures.ppid].append(figures)
            return found
    known = read_some_figures(pid for pid in _all_pids() if pid not in parents)
    for figures in (*parents.values(), *known.values()):
        if figures.ppid in parents:
            found[figures.ppid].append(figures)
    return found


class Reader:
    """Reads figures of the same processes again and again, through descriptors that it keeps.

    That takes a third of the time, and a kept descriptor never tells of a later process that got the same pid. What
    the kernel tells of a process that slept since then is the same to the letter: it is not parsed again, and the same
    object is returned.
    """

    def __init__(self) -> None:
        self._fds: dict[int, int] = {}
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_DESCRIPTORS
        self._parsed: dict[int, tuple[bytes, Figures]] = {}
        self._boot_time = 0.0

    def read_some_figures(self, pids: Iterable[int]) -> dict[int, Figures]:
        """Return the figures of those of *pids* that are there; nothing is kept of what is not among them."""
        boot_time = _boot_time()
        if abs(boot_time - self._boot_time) > _CLOCK_STEP:
            self._boot_time = boot_time
            self._parsed.clear()
        before, self._parsed = self._parsed, {}
        old, self._fds = self._fds, {}
        for pid in pids:
            data = self._read(pid, old.pop(pid, None))
            if data:
                last = before.get(pid)
                if last is None or last[0] != data:
                    last = data, _figures(pid, data, self._boot_time)
                self._parsed[pid] = last
        for fd in old.values():
            os.close(fd)
        return {pid: figures for pid, (_, figures) in self._parsed.items()}

    def close(self) -> None:
        """Keep nothing any more."""
        self.read_some_figures(())

    def _read(self, pid: int, fd: int | None) -> bytes:
        try:
            if fd is None and len(self._fds) < self._most:
                fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            if fd is None:
                return _read(f"/proc/{pid}/stat")
            data = os.pread(fd, _ENOUGH, 0)
        except OSError:
            if fd is not None:
                os.close(fd)
            return b""
        self._fds[pid] = fd
        return data


def _figures(pid: int, data: bytes, boot_time: float) -> Figures:
    # The name in parentheses may hold anything, parentheses and spaces too.
    end = data.rindex(b")")
    fields = data[end + 2 :].split(None, 22)
    birth = int(fields[19])
    return Figures(
        pid,
        int(fields[1]),  # ppid
        birth,
        fields[0] in (b"Z", b"X"),
        (int(fields[11]) + int(fields[12])) / _TICKS,  # cpu_time
        int(fields[16]),  # nice
        birth / _TICKS + boot_time,  # created
        int(fields[20]),  # vms
        int(fields[21]) * _PAGE,  # rss
        int(fields[17]),  # threads
        data[data.index(b"(") + 1 : end],  # title
    )


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _process_count() -> int:
    """Return how many processes there may be, as an upper bound: the kernel counts them as links of /proc."""
    return os.stat("/proc").st_nlink


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


def _listed_children(pid: int, threads: int = 0) -> list[int] | None:
    """Return what the kernel lists, ``None`` when it was built without that list.

    :param threads: how many the process has, if that is known
    """
    if not _HAS_LISTS:
        return None
    folder = f"/proc/{pid}/task"
    try:
        tids = [str(pid)] if threads == 1 else os.listdir(folder)
    except OSError:
        return []
    found: list[int] = []
    for tid in tids:
        found += map(int, _read_list(f"{folder}/{tid}/children").split())
    return sorted(found)


def total_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * _PAGE


def _boot_time() -> float:
    # As this clock and the wall clock stand now: the start of a process is counted from it.
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
