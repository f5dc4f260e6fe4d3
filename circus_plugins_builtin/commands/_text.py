"""Replies as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def option_lines(options: Mapping[str, Any]) -> str:
    """Return a line ``key: value`` for each option; ``env`` is written ``A=1,B=2``, nothing as nothing."""
    return "\n".join(f"{name}: {_option(name, value)}" for name, value in options.items())


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return *rows* as lines, their columns aligned."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def duration(seconds: float) -> str:
    """Return a time span in its two biggest units, such as ``3m12s``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total}s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes}m{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m" if hours < 24 else f"{hours // 24}d{hours % 24}h"


def _option(name: str, value: Any) -> str:
    if name == "env" and isinstance(value, Mapping):
        return ",".join(f"{key}={text}" for key, text in sorted(value.items()))
    return "" if value is None else str(value)
