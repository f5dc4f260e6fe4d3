"""When to read a pipe again.

What costs is to wake for every small write. A quiet pipe is read as soon as the kernel reports it; one
that proves busy is enlarged and read by the clock, so that each read finds much.
"""

from __future__ import annotations

from math import inf
from typing import Final

from circus_core.output.kernel import BIG_PIPE, SMALL_PIPE, resize_pipe

PACE: Final = 0.002  #: a pipe that has something again within so many seconds, again and again, is busy
SLOW_PACE: Final = 0.02  #: seconds between two reads of a busy pipe that is far from full
_QUICK_READS: Final = 4  # so many in a row, each within PACE of the one before, prove a pipe busy
_SOON: Final = 0.0003  # seconds after which an empty pipe is read again, doubled each time
_EMPTY_READS: Final = 9  # so many in a row show that it is quiet again
_AIM: Final = 0.8  # of what it holds is what a read shall find
_FULL: Final = 0.94  # of it means that its writer may wait for room
_PROBE: Final = 1.25  # of the most that it was seen to hold is tried, until it was seen full
_SHORT: Final = 0.9  # of what was expected, or less: it held no more
_SURPRISE: Final = 1.5  # of what was expected, or more: how fast its writer is now is not known
_PROBE_EVERY: Final = 128  # reads; its writer may have been slower just when more was tried


class Pace:
    """The rhythm of one pipe, which holds *capacity* bytes at the most."""

    __slots__ = (
        "_delay", "_expected", "_found", "_holds", "_is_limit", "_last", "_reads", "_streak", "capacity", "is_busy",
    )  # fmt: skip

    def __init__(self) -> None:
        self.is_busy = False
        self._last = -inf
        self._found = 0  # in a row, since it was last seen empty
        self._streak = 0
        self._delay = 0.0
        self._expected = 0.0  # what the next read finds if its writer stays as fast
        self.resized(SMALL_PIPE)

    def resized(self, capacity: int) -> None:
        """Note that the pipe holds *capacity* bytes now."""
        self.capacity = capacity
        # Surely the half: when each write is a little longer than half a page, each begins a new one.
        self._holds = capacity // 2
        self._is_limit = False  # it holds no more than that
        self._reads = 0  # since that was seen

    def next_read(self, size: int, limit: int, now: float) -> float | None:
        """Return the seconds to wait after a read of *size* bytes, ``None`` to wait for the kernel's report.

        :param limit: how many bytes were asked for
        :param now: when it was read
        """
        self._found += size
        if self.is_busy and size == limit:
            return 0.0
        gap, self._last = now - self._last, now
        found, self._found = self._found, 0
        if self.is_busy:
            return self._next_busy(found, gap)
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
        if not size:  # its writer may be about to wake, and fill it at once
            self._delay = min(SLOW_PACE, _SOON * 2 ** (self._streak - 1))
            return self._delay
        self._delay = self._next_delay(size, gap)
        # A pipe that fills so fast has something already; who sleeps on a busy machine is woken late.
        return self._delay if self._delay >= PACE else 0.0

    def _next_delay(self, size: int, gap: float) -> float:
        if self._learn(size) and (self._is_limit or size > self._expected * _SURPRISE):
            # How fast a writer is that had to wait is not known, but that the pause was too long.
            self._expected = 0.0
            return self._delay / 2
        aim = self._holds * (_AIM if self._is_limit else _PROBE)
        fill = aim / size * gap
        delay = min(SLOW_PACE, fill, max(PACE, 2 * self._delay))
        self._expected = aim * delay / fill if fill else 0.0
        return delay

    def _learn(self, size: int) -> bool:
        """Learn from a read how much the pipe holds, and return whether it may have been full."""
        is_full = size >= self._holds * _FULL
        self._reads += 1
        if size > self._holds:
            self._holds, self._reads = min(size, self.capacity), 0
            self._is_limit = size >= self.capacity * _FULL
        elif is_full and size < self._expected * _SHORT:
            self._is_limit, self._reads = True, 0
        elif self._reads > _PROBE_EVERY:
            self._is_limit = self._holds >= self.capacity * _FULL
        return is_full


class PipeSizes:
    """Enlarges busy pipes, as many as a budget of bytes allows.

    An ordinary user may have 64 MiB of pipes, all processes together; beyond that every new pipe is tiny.
    """

    def __init__(self, budget: int = 32 * BIG_PIPE) -> None:
        self._left = budget // BIG_PIPE

    def enlarge(self, fd: int) -> bool:
        """Make a pipe big and tell whether it is."""
        if self._left == 0 or not resize_pipe(fd, BIG_PIPE):
            return False
        self._left -= 1
        return True

    def shrink(self, fd: int) -> None:
        """Give back what :meth:`enlarge` took, before the descriptor is closed or when the pipe is quiet."""
        self._left += 1
        resize_pipe(fd, SMALL_PIPE)
