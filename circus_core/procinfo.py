"""Figures of running processes, all of them in one pass."""

from __future__ import annotations

import os
import pwd
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any, Final

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
_FORGOTTEN: Final = 900.0  # seconds after which a process that nobody asks for is dropped
_UNITS: Final = "KMGTPEZY"
_NAMES_HOLD: Final = 10.0  # seconds; a program may change its name at any time


@dataclass(frozen=True, slots=True)
class _Sample:
    birth: float
    cpu_time: float
    at: float
    percent: float


@dataclass(frozen=True, slots=True)
class _Names:
    birth: float
    title: bytes
    command: str
    user: str
    until: float


class Sampler:
    """Reads processes, and remembers of each one what it takes to tell its share of the processor since then.

    May be used by several threads.

    :param clock: seconds, monotonic
    :param is_periodic: the same processes are sampled over and over: keep a descriptor of each, and forget what is
        not sampled any more
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, is_periodic: bool = False) -> None:
        self._clock = clock
        self._samples: dict[int, _Sample] = {}
        self._names: dict[int, _Names] = {}
        self._kept_open = _source.KeptOpen() if is_periodic else None
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
            read = self._kept_open.read_some_figures if self._kept_open else _source.read_some_figures
            known = read(wanted)
            below = _source.read_children(known) if with_children else {}
            result: dict[int, ProcessInfo | str] = {}
            for pid in wanted:
                info = None
                if pid in known:
                    children = [self._info(child, now) for child in below.get(pid, ())]
                    info = self._info(known[pid], now, children)
                result[pid] = GONE if info is None or _is_younger(info, min_age) else info
            self._forget_old(now, known)
            return result

    @property
    def known(self) -> list[int]:
        """The pids of the processes that it remembers."""
        return list(self._samples)

    def close(self) -> None:
        """Let go of the processes, and of what is known of them."""
        with self._lock:
            self._samples.clear()
            self._names.clear()
            if self._kept_open:
                self._kept_open.close()

    def _info(self, figures: Figures, now: float, children: Sequence[ProcessInfo] = ()) -> ProcessInfo:
        names = self._names_of(figures, now)
        info: ProcessInfo = {
            "mem_info1": UNREADABLE if figures.rss is None else human_size(figures.rss),
            "mem_info2": UNREADABLE if figures.vms is None else human_size(figures.vms),
            "cpu": UNREADABLE if figures.cpu_time is None else self._percent(figures, figures.cpu_time, now),
            "mem": UNREADABLE if figures.rss is None else round(100 * figures.rss / self._total_memory, 3),
            "ctime": UNREADABLE if figures.cpu_time is None else human_cpu_time(figures.cpu_time),
            "pid": figures.pid,
            "username": names.user,
            "nice": "Zombie" if figures.is_zombie else _or_unreadable(figures.nice),
            "create_time": UNREADABLE,
            "age": UNREADABLE,
            "cmdline": names.command,
            "children": list(children),
        }
        if figures.created is not None:
            info["create_time"] = round(figures.created, 2)
            info["age"] = round(max(0.0, time.time() - figures.created), 2)
        return info

    def _names_of(self, figures: Figures, now: float) -> _Names:
        names = self._names.get(figures.pid)
        if names is None or names.birth != figures.birth or names.title != figures.title or now > names.until:
            command = _source.read_command(figures.pid)
            names = self._names[figures.pid] = _Names(
                birth=figures.birth,
                title=figures.title,
                command=UNREADABLE if command is None else os.path.basename(command),
                user=_user_name(_source.read_uid(figures.pid)),
                # What has just begun is about to become another user.
                until=now + _NAMES_HOLD if figures.pid in self._samples else -inf,
            )
        return names

    def _percent(self, figures: Figures, cpu_time: float, now: float) -> float:
        """Return the share of one processor that a process had since it was sampled before."""
        before = self._samples.get(figures.pid)
        percent = 0.0
        if before is not None and before.birth == figures.birth:
            elapsed = now - before.at
            if elapsed < _SHORTEST:
                return before.percent
            percent = round(100 * max(0.0, cpu_time - before.cpu_time) / elapsed, 1)
        self._samples[figures.pid] = _Sample(figures.birth, cpu_time, now, percent)
        return percent

    def _forget_old(self, now: float, sampled: Mapping[int, object]) -> None:
        if self._kept_open:
            old = self._samples.keys() - sampled.keys()
        else:
            old = {pid for pid, sample in self._samples.items() if now - sample.at > _FORGOTTEN}
        for pid in old:
            del self._samples[pid]
            self._names.pop(pid, None)


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


def _is_younger(info: ProcessInfo, min_age: float) -> bool:
    return min_age > 0 and isinstance(info["age"], float) and info["age"] < min_age


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
