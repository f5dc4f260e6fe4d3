"""The last minutes of a figure in one line of text."""

from __future__ import annotations

from collections import deque
from typing import Final

SPAN: Final = 300  # seconds
_LONGEST_STEP: Final = 10.0  # seconds

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII: Final = "_.-:=+*#"


class History:
    """The values of a figure over the last :data:`SPAN` seconds."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque()

    def add(self, at: float, value: float) -> None:
        """Note a value; *at* is a ``time.monotonic()`` reading."""
        self._values.append((at, value))
        while self._values[0][0] <= at - SPAN:
            self._values.popleft()

    def sparkline(self, now: float, width: int, *, least_peak: float, is_ascii: bool = False) -> str:
        """Return *width* characters, one for each :func:`step` seconds up to now, a space for one without a value.

        The height is the mean in that time, as a share of the highest one there is.

        :param least_peak: the least value that a full height stands for: noise is to look like noise
        """
        parts: list[list[float]] = [[] for _ in range(width)]
        for at, value in self._values:
            back = int((now - at) / step(width))
            if 0 <= back < width:
                parts[width - 1 - back].append(value)
        means = [sum(part) / len(part) if part else None for part in parts]
        peak = max([least_peak, *(mean for mean in means if mean is not None)])
        marks = _ASCII if is_ascii else _BLOCKS
        return "".join(" " if mean is None else marks[_level(mean / peak)] for mean in means)


def step(width: int) -> float:
    """Return the seconds that one character of a sparkline stands for."""
    return max(1.0, min(_LONGEST_STEP, SPAN / max(1, width)))


def _level(share: float) -> int:
    return max(0, min(len(_BLOCKS) - 1, round(share * (len(_BLOCKS) - 1))))
