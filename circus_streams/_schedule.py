"""When a file is rotated by time, and what the old one is called."""

from __future__ import annotations

import calendar
import re
import time
from typing import Final

from circus_core.quick_dataclass import dataclass

_DAY: Final = 86400
_UNITS: Final = {
    "S": (1, "%Y%m%d%H%M%S"),
    "M": (60, "%Y%m%d%H%M"),
    "H": (3600, "%Y%m%d%H"),
    "D": (_DAY, "%Y%m%d"),
    "MIDNIGHT": (_DAY, "%Y%m%d"),
    "W": (7 * _DAY, "%Y%m%d"),
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments at which a file is rotated, all in Unix time.

    :param unit: ``S``, ``M``, ``H``, ``D``, ``MIDNIGHT`` or ``W``
    :param weekday: for ``W``: rotate at the midnight that ends this day, Monday is 0
    :param interval: how many units lie between two rotations
    :param utc: days and names go by UTC, not by the local time
    """

    unit: str
    weekday: int = 0
    interval: int = 1
    utc: bool = False

    def next_after(self, moment: float) -> float:
        """Return when a file begun at *moment* is full."""
        if self._days is None:
            return moment + self._seconds
        days = 1 + (self.interval - 1) * self._days
        if self.unit == "W":
            days += (self.weekday - self._fields(moment).tm_wday) % 7
        return self._midnight(moment, days)

    def next_after_period(self, until: float, moment: float) -> float:
        """Return when the file is full that follows one that ended at *until*, its first line at *moment*."""
        if self._days is None:
            return until + self._seconds * ((moment - until) // self._seconds + 1)
        return self.next_after(moment)

    def name(self, until: float) -> str:
        """Return the suffix of a file whose period ended at *until*."""
        begun = until - self._seconds if self._days is None else self._midnight(until, -self._days * self.interval)
        return time.strftime(_UNITS[self.unit][1], self._fields(begun))

    @property
    def _seconds(self) -> int:
        return _UNITS[self.unit][0] * self.interval

    @property
    def _days(self) -> int | None:
        """The days of a unit that ends at midnight; these differ in length when the clocks change."""
        return _UNITS[self.unit][0] // _DAY if self.unit in {"MIDNIGHT", "W"} else None

    def _fields(self, moment: float) -> time.struct_time:
        return time.gmtime(moment) if self.utc else time.localtime(moment)

    def _midnight(self, moment: float, days: int) -> float:
        """Return the midnight that many days after the one before *moment*."""
        now = self._fields(moment)
        # A day outside its month is one of another; mktime knows when the clocks change.
        fields = (now.tm_year, now.tm_mon, now.tm_mday + days, 0, 0, 0, 0, 0, -1)
        return calendar.timegm(fields) if self.utc else time.mktime(fields)


def parse_when(text: str) -> tuple[str, int]:
    """Return unit and weekday of ``S``, ``M``, ``H``, ``D``, ``MIDNIGHT`` or ``W0`` to ``W6``, in any case.

    :raises ValueError: it is none of them
    """
    word = text.strip().upper()
    if re.fullmatch("W[0-6]", word):
        return "W", int(word[1])
    if word not in _UNITS or word == "W":
        raise ValueError("no time to rotate at")
    return word, 0
