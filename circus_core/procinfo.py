"""Figures of running processes, all of them in one pass."""

from __future__ import annotations

import os
import pwd
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from math import inf
from typing import Any, Final

from circus_core.quick_dataclass import dataclass

if os.path.exists("/proc/self/stat"):
    from circus_core import _procfs as _source
else:
    from circus_core import _psutil as _source  # type: ignore[no-redef]  # the same names, on another system

from circus_core._figures import Figures

GONE: Final = "No such process (stopped?)"
"""What stands for a process that is not there any more."""

UNREADABLE: Final = "N/A"
"""What stands for a figure that the system does not tell."""

ProcessInfo = dict[str, Any]
"""The process-info object of the protocol, but for what only a watcher knows: ``started`` and ``wid``."""

_SHORTEST: Final = 0.1  # seconds; in less the kernel's clock of processor time ticks too seldom
_LOOKS: Final = 2  # at processes that may be gone, for each one that is new: so what is remembered does not grow
_UNITS: Final = "KMGTPEZY"
_NAMES_HOLD: Final = 10.0  # seconds; a program may change its name at any time


@dataclass(slots=True)
class _Known:
    """A process that was sampled before.

    :param figures: what was read of it last
    :param info: what was told of it last, but for its age and its children
    :param cpu_time: seconds of processor time that it had at *at*, when its share was reckoned last
    :param names_until: when its names are to be read anew
    """

    figures: Figures
    info: ProcessInfo
    cpu_time: float | None
    at: float
    names_until: float


class Sampler:
    """Reads processes, and remembers of each one what it takes to tell its share of the processor since then.

    May be used by several threads.

    :param clock: seconds, monotonic
    :param is_periodic: the same processes are sampled over and over: keep a descriptor of each, and forget what is
        not sampled any more
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, is_periodic: bool = False) -> None:
        self._clock = clock
        self._known: dict[int, _Known] = {}  # who was looked at last is last
        self._new = 0  # since it was looked who is gone
        self._reader = _source.Reader() if is_periodic else None
        self._total_memory = _source.total_memory()
        self._lock = threading.Lock()

    def sample(
        self, pids: Iterable[int], *, with_children: bool = True, min_age: float = 0.0
    ) -> dict[int, ProcessInfo | str]:
        """Return the process-info object of each of *pids*, :data:`GONE` for one that is not there.

        :param with_children: read the direct children too; else ``children`` is empty
        :param min_age: seconds since *pids* were told: what is younger has but the pid of the process that was meant
        """
        wanted = list(pids)
        with self._lock:
            now = self._clock()
            read = self._reader.read_some_figures if self._reader else _source.read_some_figures
            found = read(wanted)
            below = _source.read_children(found) if with_children else {}
            wall = time.time()
            result: dict[int, ProcessInfo | str] = {}
            for pid in wanted:
                figures = found.get(pid)
                if figures is None or _is_younger(figures, wall, min_age):
                    result[pid] = GONE
                    continue
                info = result[pid] = self._info(figures, now, wall)
                info["children"] = [self._info(child, now, wall) for child in below.get(pid, ())]
            self._forget_old(found)
            return result

    @property
    def known(self) -> list[int]:
        """The pids of the processes that it remembers."""
        return list(self._known)

    def close(self) -> None:
        """Let go of the processes, and of what is known of them."""
        with self._lock:
            self._known.clear()
            if self._reader:
                self._reader.close()

    def _info(self, figures: Figures, now: float, wall: float) -> ProcessInfo:
        known = self._known.get(figures.pid)
        if known is None or known.figures.birth != figures.birth:
            cpu = UNREADABLE if figures.cpu_time is None else 0.0
            info = {**self._told(figures), "cpu": cpu, **_names(figures.pid)}
            # What has just begun is about to become another program, of another user: the names hold for once.
            self._known[figures.pid] = _Known(figures, info, figures.cpu_time, now, -inf)
            self._new += 1
        else:
            self._update(known, figures, now)
            info = known.info
        age = UNREADABLE if figures.created is None else round(max(0.0, wall - figures.created), 2)
        return {**info, "age": age, "children": []}

    def _update(self, known: _Known, figures: Figures, now: float) -> None:
        if now > known.names_until or figures.title != known.figures.title:
            known.info.update(_names(figures.pid))
            known.names_until = now + _NAMES_HOLD
        if figures is not known.figures:
            known.info.update(self._told(figures))
            known.figures = figures
        elapsed = now - known.at
        if figures.cpu_time is None or known.cpu_time is None:
            known.info["cpu"] = UNREADABLE
        elif elapsed < _SHORTEST:
            return
        else:
            known.info["cpu"] = round(100 * max(0.0, figures.cpu_time - known.cpu_time) / elapsed, 1)
        known.cpu_time, known.at = figures.cpu_time, now

    def _told(self, figures: Figures) -> ProcessInfo:
        """Return what changes only when what is read does."""
        rss, vms, cpu_time = figures.rss, figures.vms, figures.cpu_time
        return {
            "mem_info1": UNREADABLE if rss is None else human_size(rss),
            "mem_info2": UNREADABLE if vms is None else human_size(vms),
            "mem": UNREADABLE if rss is None else round(100 * rss / self._total_memory, 3),
            "ctime": UNREADABLE if cpu_time is None else human_cpu_time(cpu_time),
            "pid": figures.pid,
            "nice": "Zombie" if figures.is_zombie else _or_unreadable(figures.nice),
            "create_time": UNREADABLE if figures.created is None else round(figures.created, 2),
        }

    def _forget_old(self, sampled: Mapping[int, object]) -> None:
        if self._reader:
            for pid in self._known.keys() - sampled.keys():
                del self._known[pid]
            return
        oldest = list(islice(self._known, _LOOKS * self._new))
        there = _source.read_some_figures([pid for pid in oldest if pid not in sampled])
        for pid in oldest:
            known = self._known.pop(pid)
            if pid in sampled or pid in there:
                self._known[pid] = known
        self._new = 0


def descendants(pid: int, recursive: bool) -> list[int]:
    """Return the children of a process, with *recursive* also theirs and so on, parents first."""
    found: list[int] = []
    level = _source.children(pid)
    while level:
        found += level
        level = [child for parent in level for child in _source.children(parent)] if recursive else []
    return found


def human_size(amount: int) -> str:
    """Return bytes as the protocol shows them: ``10B``, ``9.77K``, ``3.00G``."""
    if amount < 1024:
        return f"{amount}B"
    power = min(len(_UNITS), (amount.bit_length() - 1) // 10)
    return f"{amount / (1 << 10 * power):.2f}{_UNITS[power - 1]}"


def human_cpu_time(seconds: float) -> str:
    """Return processor time as the protocol shows it, ``minutes:SS.xx``; the minutes start anew each hour."""
    hundredths = int(seconds * 100)
    return f"{hundredths // 6000 % 60}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def _is_younger(figures: Figures, wall: float, min_age: float) -> bool:
    return min_age > 0 and figures.created is not None and wall - figures.created < min_age


def _names(pid: int) -> ProcessInfo:
    command = _source.read_command(pid)
    return {
        "username": _user_name(_source.read_uid(pid)),
        "cmdline": UNREADABLE if command is None else os.path.basename(command),
    }


def _or_unreadable(value: int | None) -> int | str:
    return UNREADABLE if value is None else value


def _user_name(uid: int | None) -> str:
    return UNREADABLE if uid is None else _look_up_user(uid)


@lru_cache(maxsize=256)
def _look_up_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
