"""Figures of the last minutes and of the last hour, in little memory."""

from __future__ import annotations

import math
from array import array
from typing import Any, Final

_NONE: Final = math.nan


class Series:
    """The newest *size* values of a figure, one every *step* seconds, each the mean of what came in its time."""

    __slots__ = ("_count", "_last", "_sum", "_values", "size", "step")

    def __init__(self, step: float, size: int) -> None:
        self.step = step
        self.size = size
        self._values = array("f")
        self._last = -1  # the number of the newest step
        self._sum = 0.0
        self._count = 0

    def add(self, time: float, value: float) -> None:
        """Take a value that was measured at the Unix time *time*."""
        step = int(time // self.step)
        if step < self._last:
            return  # the clock was set back
        if step > self._last:
            missing = step - self._last - 1 if self._values else 0
            self._values.extend([_NONE] * min(missing, self.size))
            self._values.append(value)
            del self._values[: -self.size]
            self._last, self._sum, self._count = step, 0.0, 0
        self._sum += value
        self._count += 1
        self._values[-1] = self._sum / self._count

    def times(self) -> list[float]:
        """Return the Unix time of each value."""
        first = self._last - len(self._values) + 1
        return [(first + index) * self.step for index in range(len(self._values))]

    def values(self) -> list[float | None]:
        """Return the values, oldest first, ``None`` where nothing was measured."""
        return [None if math.isnan(value) else round(value, 2) for value in self._values]


class History:
    """CPU and memory of something: every 2 seconds for five minutes, every 15 for an hour."""

    __slots__ = ("_hour", "_minutes")

    def __init__(self) -> None:
        self._minutes = (Series(2, 150), Series(2, 150))
        self._hour = (Series(15, 240), Series(15, 240))

    def add(self, time: float, cpu: float, mem: float) -> None:
        """Take what was measured at the Unix time *time*."""
        for cpu_series, mem_series in (self._minutes, self._hour):
            cpu_series.add(time, cpu)
            mem_series.add(time, mem)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as columns, the last hour with the last five minutes in finer steps."""
        fine = self._minutes[0].times()
        count = sum(not fine or time < fine[0] for time in self._hour[0].times())
        told: dict[str, Any] = {"t": self._hour[0].times()[:count] + fine}
        for name, minutes, hour in zip(("cpu", "mem"), self._minutes, self._hour, strict=True):
            told[name] = hour.values()[:count] + minutes.values()
        return told

    def recent_cpu(self) -> list[float | None]:
        """Return the CPU figures of the last two minutes."""
        return self._minutes[0].values()[-60:]
