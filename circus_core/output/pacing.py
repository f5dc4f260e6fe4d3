"""When to read a pipe again.

What costs is to wake for every small write. A quiet pipe is read as soon as the kernel reports it; one
that proves busy is enlarged and read by the clock, so that each read finds much.
"""

from __future__ import annotations

import fcntl
from math import inf
from typing import Final

PACE: Final = 0.002  #: seconds between two reads of a pipe whose writer fills much of it in that time
SLOW_PACE: Final = 0.01  #: the same for one whose writer does not
SMALL_PIPE: Final = 64 * 1024  #: what a pipe is born with
BIG_PIPE: Final = 1024 * 1024
_QUICK_READS: Final = 4  # so many in a row, each within PACE of the one before, prove a pipe busy
_EMPTY_READS: Final = 3  # so many in a row show that it is quiet again
_RESOLUTION: Final = 0.001  # a selector waits for up to so many seconds more than it is told
_F_SETPIPE_SZ: Final[int | None] = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only


class Pace:
    """The rhythm of one pipe.

    ``capacity`` is how many bytes the pipe holds.
    """

    __slots__ = ("_last", "_streak", "capacity", "is_busy")

    def __init__(self) -> None:
        self.capacity = SMALL_PIPE
        self.is_busy = False
        self._last = -inf
        self._streak = 0

    def next_read(self, size: int, limit: int, now: float) -> float | None:
        """Return the seconds to wait after a read of *size* bytes, ``None`` to wait for the kernel's report.

        :param limit: how many bytes were asked for
        """
        gap, self._last = now - self._last, now
        if self.is_busy:
            return 0.0 if size == limit else self._next_busy(size, gap)
        self._streak = self._streak + 1 if gap < PACE else 0
        if size < SMALL_PIPE and self._streak < _QUICK_READS:
            return None
        self.is_busy, self._streak = True, 0
        return 0.0

    def _next_busy(self, size: int, gap: float) -> float | None:
        self._streak = 0 if size else self._streak + 1
        if self._streak >= _EMPTY_READS:
            self.is_busy, self._streak = False, 0
            return None
        enough = self.capacity * 3 // 4
        if size >= enough:
            return 0.0  # the writer may be waiting for room
        until_full = enough / size * gap if size else inf
        # Far from full: a pipe holds less than its capacity when each write begins a page.
        pace = min(SLOW_PACE, max(PACE, until_full / 6))
        return min(pace, max(0.0, until_full - _RESOLUTION))


class PipeSizes:
    """Enlarges busy pipes, as many as a budget of bytes allows.

    An ordinary user may have 64 MiB of pipes, all processes together; beyond that every new pipe is tiny.
    """

    def __init__(self, budget: int = 32 * BIG_PIPE) -> None:
        self._left = budget // BIG_PIPE

    def enlarge(self, fd: int) -> bool:
        """Make a pipe big and tell whether it is; the system may refuse, and that is fine."""
        if self._left == 0 or not _resize(fd, BIG_PIPE):
            return False
        self._left -= 1
        return True

    def shrink(self, fd: int) -> None:
        """Give back what :meth:`enlarge` took, before the descriptor is closed or when the pipe is quiet."""
        self._left += 1
        _resize(fd, SMALL_PIPE)


def _resize(fd: int, size: int) -> bool:
    if _F_SETPIPE_SZ is None:
        return False
    try:
        fcntl.fcntl(fd, _F_SETPIPE_SZ, size)
    except OSError:  # EPERM: above the user's limit; EBUSY: more is in it
        return False
    return True
