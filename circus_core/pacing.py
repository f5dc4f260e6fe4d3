"""When a slot whose process keeps dying, or cannot be spawned, may be filled again."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from circus_core.states import Wid

QUICK_DEATH: Final = 1.0  #: seconds; a process that lived less counts as a failed try
FIRST_DELAY: Final = 0.1  #: seconds before the second replacement in a row
LONGEST_DELAY: Final = 5.0  #: seconds; where ``check_delay`` turns supervision off


def longest_delay(check_delay: float) -> float:
    """Return the longest delay between two tries that a ``check_delay`` means."""
    return check_delay if check_delay > 0 else LONGEST_DELAY


class Pacing:
    """The failed tries of each slot of a watcher.

    :param longest: seconds; the delay is doubled each time up to it
    :param not_before: slot to reading, shared with what ``plan`` observes
    """

    def __init__(self, longest: float, not_before: dict[Wid, float]) -> None:
        self.longest = longest
        self._not_before = not_before
        self._deaths: dict[Wid, int] = {}
        self._failures: dict[Wid, int] = {}

    def died(self, wid: Wid, lived: float, now: float) -> None:
        """Note a death; the first replacement in a row is immediate."""
        if lived >= QUICK_DEATH:
            self.forget(wid)
            return
        self._deaths[wid] = tries = self._deaths.get(wid, 0) + 1
        if tries > 1:
            self._delay(wid, tries - 1, now)

    def failed(self, wid: Wid, now: float) -> int:
        """Note that the slot could not be filled, and return how many times in a row."""
        self._failures[wid] = tries = self._failures.get(wid, 0) + 1
        self._delay(wid, tries, now)
        return tries

    def spawned(self, wid: Wid) -> None:
        """Note that the slot was filled."""
        self._failures.pop(wid, None)
        self._not_before.pop(wid, None)

    def forget(self, wid: Wid) -> None:
        """Let the slot be filled at once."""
        for table in (self._deaths, self._failures, self._not_before):
            table.pop(wid, None)

    def clear(self) -> None:
        """Let every slot be filled at once."""
        for table in (self._deaths, self._failures, self._not_before):
            table.clear()

    @property
    def deaths(self) -> dict[Wid, int]:
        """Deaths in a row by slot."""
        return dict(self._deaths)

    @property
    def failures(self) -> dict[Wid, int]:
        """Spawns in a row that failed by slot."""
        return dict(self._failures)

    def restore(self, deaths: Mapping[Wid, int], failures: Mapping[Wid, int]) -> None:
        """Go on where another one was; when slots may be filled is restored by the owner of *not_before*."""
        self._deaths.update(deaths)
        self._failures.update(failures)

    @property
    def has_failures(self) -> bool:
        """Whether a slot could not be filled at its last try."""
        return bool(self._failures)

    def retries(self, healthy: Container[Wid] = ()) -> int:
        """Return the failed tries in a row of the worst slot that is not *healthy*."""
        tries = [*self._deaths.items(), *self._failures.items()]
        return max((count for wid, count in tries if wid not in healthy), default=0)

    def next_try(self, now: float) -> float | None:
        """Return the reading at which the next paced slot may be filled, ``None`` when none waits."""
        return min((t for t in self._not_before.values() if t > now), default=None)

    def _delay(self, wid: Wid, tries: int, now: float) -> None:
        # The exponent is capped: past it every delay is the longest, and the number would grow without end.
        self._not_before[wid] = now + min(self.longest, FIRST_DELAY * 2 ** min(tries - 1, 30))
