"""Processes that need nothing set but what posix_spawn can set: one, or several at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache

from circus_core.keeper.system import signal

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

RESET: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""What a child may not inherit ignored."""


class Ready:
    """What is to be a process, with its descriptors."""

    __slots__ = ("pipes", "serial", "spec", "wanted")

    def __init__(self, serial: int, spec: dict[str, Any]) -> None:
        self.serial = serial
        self.spec = spec
        self.wanted: dict[int, int] = {}  #: number in the child to descriptor of ours
        self.pipes: dict[int, int] = {}  #: 1 or 2 to the read end


@cache
def way_to_several() -> Callable[[Sequence[Ready]], Sequence[int | OSError]]:
    """Return what creates several processes at once, as far as that is possible here; it imports."""
    try:
        from circus_core.keeper import posix_spawn  # noqa: PLC0415
    except (ImportError, OSError):  # its file is gone since the keeper started, or no more may be open
        return one_by_one

    def spawn_all(plain: Sequence[Ready]) -> Sequence[int | OSError]:
        starts = [(ready.spec["candidates"][0], ready.spec["argv"], ready.wanted) for ready in plain]
        return posix_spawn.spawn_all(starts, plain[0].spec["env"])

    return spawn_all if posix_spawn.is_available(closes_fds=False) else one_by_one


def one_by_one(plain: Sequence[Ready]) -> Sequence[int | OSError]:
    """Return for each its pid, or why there is no process."""
    return [_spawn(ready) for ready in plain]


def _spawn(ready: Ready) -> int | OSError:
    """Return the pid of a process that leads a session of its own, or why there is none."""
    spec = ready.spec
    try:
        return os.posix_spawn(
            spec["candidates"][0],
            spec["argv"],
            spec["env"],
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in ready.wanted.items()],
            setsid=True,
            setsigmask=(),
            setsigdef=RESET,
        )
    except OSError as exc:
        return exc
