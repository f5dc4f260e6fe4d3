"""Facts about processes from psutil, for systems without Linux's /proc."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import psutil

from circus_core._figures import Figures

T = TypeVar("T")


def _attempt(read: Callable[[], T]) -> T | None:
    """Return what *read* reads, ``None`` when that is not for us."""
    try:
        return read()
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return None


def _figures(process: psutil.Process) -> Figures | None:
    try:
        with process.oneshot():
            memory = _attempt(process.memory_info)
            times = _attempt(process.cpu_times)
            return Figures(
                pid=process.pid,
                ppid=_attempt(process.ppid) or 0,
                birth=process.create_time(),
                is_zombie=_attempt(process.status) in (None, psutil.STATUS_ZOMBIE),
                cpu_time=times.user + times.system if times else None,
                nice=_attempt(process.nice),
                created=process.create_time(),
                vms=memory.vms if memory else None,
                rss=memory.rss if memory else None,
            )
    except psutil.NoSuchProcess:
        return None


def read_figures(pid: int) -> Figures | None:
    """Return the figures of one process, ``None`` when there is no such process."""
    try:
        return _figures(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return None


def read_some_figures(pids: Iterable[int]) -> dict[int, Figures]:
    """Return the figures of those of *pids* that are there."""
    found = ((pid, read_figures(pid)) for pid in pids)
    return {pid: figures for pid, figures in found if figures is not None}


def read_children(parents: Mapping[int, Figures]) -> dict[int, list[Figures]]:
    """Return pid to the direct children of that process, for those of *parents* that have any."""
    found: dict[int, list[Figures]] = defaultdict(list)
    for figures in read_all_figures().values():
        if figures.ppid in parents:
            found[figures.ppid].append(figures)
    return found


class Reader:
    """Reads figures of the same processes again and again."""

    def read_some_figures(self, pids: Iterable[int]) -> dict[int, Figures]:
        """Return the figures of those of *pids* that are there."""
        return read_some_figures(pids)

    def close(self) -> None:
        """Keep nothing any more."""


def read_all_figures() -> dict[int, Figures]:
    """Return the figures of every process that we may see."""
    found = map(_figures, psutil.process_iter())
    return {figures.pid: figures for figures in found if figures is not None}


def read_command(pid: int) -> str | None:
    """Return ``argv[0]`` as the process has it now, ``None`` when it cannot be known."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return None
    return words[0] if words else None


def read_uid(pid: int) -> int | None:
    """Return the user that a process has the rights of, ``None`` when it cannot be known."""
    try:
        return int(psutil.Process(pid).uids().effective)
    except psutil.Error:
        return None


def children(pid: int) -> list[int]:
    """Return the pids of the direct children of a process, sorted; zombies are among them."""
    try:
        return sorted(child.pid for child in psutil.Process(pid).children())
    except psutil.Error:
        return []


def total_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return int(psutil.virtual_memory().total)
