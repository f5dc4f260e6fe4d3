"""Calls to make later, by a monotonic clock."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count


class Timers:
    """A heap of calls. None is ever taken back: a call that has become pointless sees that itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()

    def at(self, when: float, call: Callable[[], object]) -> None:
        """Make *call* at *when*, a reading of the clock."""
        heapq.heappush(self._heap, (when, next(self._order), call))

    def after(self, delay: float, call: Callable[[], object]) -> None:
        """Make *call* in *delay* seconds."""
        self.at(self.clock() + delay, call)

    def wait(self) -> float | None:
        """Return the seconds until the next call is due, 0 when one is, ``None`` when there is none."""
        return max(0.0, self._heap[0][0] - self.clock()) if self._heap else None

    def run(self, limit: float) -> None:
        """Make the calls that are due now, for about *limit* seconds; the rest stays due."""
        started = self.clock()
        last = next(self._order)  # what a call adds is for the next run
        while self._heap and self._heap[0][0] <= started and self._heap[0][1] < last:
            heapq.heappop(self._heap)[2]()
            if self.clock() - started > limit:
                return
