"""Figures of processes as daemons tell them, where anything may be missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from circus_core.quick_dataclass import dataclass

_SIZE: Final = re.compile(r"([\d.]+)([BKMGTPEZY])")
_UNITS: Final = "BKMGTPEZY"

UNKNOWN: Final = "\N{EN DASH}"
"""What stands for a figure that nobody could tell."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one process uses.

    :param cpu: percent of a core, ``None`` when nobody could tell
    :param mem: percent of the machine's memory
    :param rss: resident memory, as ``12.30M``
    :param time: CPU time, as ``0:01.2``
    """

    cpu: float | None = None
    mem: float | None = None
    rss: str = ""
    time: str = ""

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Figures:
        """Return the figures in a process-info object."""
        cpu, mem = number(info.get("cpu")), number(info.get("mem"))
        return cls(cpu, mem, text(info.get("mem_info1")), text(info.get("ctime")))


def number(value: Any) -> float | None:
    """Return *value* if it is a number; ``N/A`` and others are ``None``."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def text(value: Any) -> str:
    """Return *value* as text, empty for what nobody could tell."""
    return "" if value is None or value == "N/A" else str(value)


def percent(value: float | None, digits: int = 1) -> str:
    """Return a percentage for a table cell, from 100 on without *digits*."""
    if value is None:
        return UNKNOWN
    return f"{value:.{digits}f}" if value < 99.95 else f"{value:.0f}"


def size_in_bytes(shown: str) -> float:
    """Return the bytes that a text such as ``12.30M`` stands for, 0 when it stands for none."""
    match = _SIZE.fullmatch(shown)
    return float(match[1]) * 1024 ** _UNITS.index(match[2]) if match else 0.0


def size(value: float) -> str:
    """Return bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """Return a time span in its two largest units."""
    left = max(0, int(seconds))
    for name, length, lesser, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if left >= length:
            rest = left % length // part
            return f"{left // length}{name} {rest}{lesser}" if rest else f"{left // length}{name}"
    return f"{left}s"
