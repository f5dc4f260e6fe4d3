"""Children of a keeper that died before it could tell of them: found by what only they can have."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

from circus_core._procfs import children
from circus_core.keeper.start import PROGRAM
from circus_core.quick_dataclass import dataclass
from circus_core.threads import in_thread

PATIENCE: Final = 5.0  #: seconds for one that does not run its program yet
_PAUSE: Final = 0.005
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A child that may have been started.

    :param since: seconds after boot, before which it was not
    :param pipes: 1 or 2 to the inode of the pipe that it was given
    :param argv: its words, unless a shell among them has put something else in its place
    """

    env: Mapping[bytes, bytes]
    uid: int
    since: float
    pipes: Mapping[int, int] = field(default_factory=dict)
    argv: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A child that was started; its pidfd is the caller's to close.

    :param started: Unix time
    """

    pid: int
    pidfd: int
    started: float


@dataclass(frozen=True, slots=True)
class _Orphan:
    pid: int
    uid: int
    born: int  # in ticks since boot
    env: frozenset[bytes]
    argv: tuple[bytes, ...]


def now() -> float:
    """Return the seconds since boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def find(wanted: Mapping[int, Wanted], known: Collection[int], until: float) -> dict[int, Found]:
    """Return those of *wanted* that run, by the number that they have there.

    One whose program has ended already is not found.

    :param known: pids of other children
    :param until: seconds after boot, when the keeper was dead
    """
    first = min(one.since for one in wanted.values())
    limit = time.monotonic() + PATIENCE
    while True:
        orphans, has_more = await in_thread(_look, first, until, frozenset(known))
        if not has_more or time.monotonic() > limit:
            break
        await asyncio.sleep(_PAUSE)
    return await in_thread(_match, wanted, orphans)


def _look(since: float, until: float, known: Collection[int]) -> tuple[list[_Orphan], bool]:
    """Return what may be a child of the dead keeper, and whether there are some that do not run their program yet."""
    orphans = []
    has_more = False
    # Who got us got them, or we did, where we collect orphans ourselves.
    for pid in (*children(os.getppid()), *children(os.getpid())):
        fields = _stat(pid)
        if pid in known or pid == os.getpid() or fields is None:
            continue
        born = int(fields[19])
        if not int(since * _TICKS) <= born <= int(until * _TICKS):
            continue
        if PROGRAM.encode() in _words(pid, "cmdline"):
            has_more = True
        elif int(fields[3]) == pid and fields[0] not in (b"Z", b"X"):
            env, argv = frozenset(_words(pid, "environ")), tuple(_words(pid, "cmdline"))
            orphans.append(_Orphan(pid, _uid(pid), born, env, argv))
    return orphans, has_more


def _match(wanted: Mapping[int, Wanted], orphans: list[_Orphan]) -> dict[int, Found]:
    left = dict(wanted)
    found = {}
    for is_it in (_has_pipe, _is_same, _is_like):
        for number, one in list(left.items()):
            orphan = next((orphan for orphan in orphans if is_it(one, orphan)), None)
            held = None if orphan is None else _hold(orphan)
            if orphan is not None and held is not None:
                orphans.remove(orphan)
                del left[number]
                found[number] = held
    return found


def _has_pipe(one: Wanted, orphan: _Orphan) -> bool:
    return any(_inode(orphan.pid, number) == inode for number, inode in one.pipes.items())


def _is_same(one: Wanted, orphan: _Orphan) -> bool:
    return one.argv == orphan.argv and _is_like(one, orphan)


def _is_like(one: Wanted, orphan: _Orphan) -> bool:
    """Compare user and environment: a shell that replaced itself by a program has other words, and added to these."""
    env = {name + b"=" + value for name, value in one.env.items()}
    return orphan.uid == one.uid and env <= orphan.env and orphan.born >= int(one.since * _TICKS)


def _hold(orphan: _Orphan) -> Found | None:
    """Open a descriptor of the process; ``None`` when it is gone, or another one has its pid."""
    try:
        pidfd = os.pidfd_open(orphan.pid)
    except OSError:
        return None
    fields = _stat(orphan.pid)
    if fields is None or int(fields[19]) != orphan.born:
        os.close(pidfd)
        return None
    return Found(orphan.pid, pidfd, time.time() - now() + orphan.born / _TICKS)


def _inode(pid: int, number: int) -> int | None:
    try:
        there = os.stat(f"/proc/{pid}/fd/{number}")
    except OSError:
        return None
    return there.st_ino if stat.S_ISFIFO(there.st_mode) else None


def _uid(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of the process from its state on."""
    data = _read(pid, "stat")
    return data.rpartition(b")")[2].split() if data else None


def _words(pid: int, name: str) -> list[bytes]:
    data = _read(pid, name)
    return data.rstrip(b"\0").split(b"\0") if data else []


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:  # it ended, or is not for us
        return b""
