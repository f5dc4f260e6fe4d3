"""Text that fits: cells of a table, figures, durations."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import Enum

from circus_core.quick_dataclass import dataclass


class Style(Enum):
    """How a piece of text looks; the terminal decides with which colours."""

    PLAIN = "plain"
    TITLE = "title"
    HEAD = "head"
    BOLD = "bold"
    DIM = "dim"
    GOOD = "good"
    ODD = "odd"
    BAD = "bad"
    GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen.

    :param is_chosen: the cursor is on it
    """

    spans: tuple[Span, ...] = ()
    is_chosen: bool = False

    def __str__(self) -> str:
        return "".join(span.text for span in self.spans).rstrip()


def line(*spans: Span | str, is_chosen: bool = False) -> Line:
    """Return a line of pieces, plain ones given as text."""
    return Line(tuple(Span(span) if isinstance(span, str) else span for span in spans), is_chosen)


def cells(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return sum(_width(character) for character in text)


def fit(text: str, width: int, *, align: str = "<") -> str:
    """Return *text* in exactly *width* columns: padded, or cut with a ``~`` at its end."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    taken = cells(text)
    if taken > width:
        kept, taken = "", 0
        for character in text:
            if taken + _width(character) > width - 1:
                break
            kept += character
            taken += _width(character)
        text, taken = kept + "~"[:width], taken + 1
    padding = " " * max(0, width - taken)
    return padding + text if align == ">" else text + padding


def columns(values: Sequence[str], widths: Sequence[int]) -> str:
    """Return *values* side by side, with a space between; a negative width means: to the right."""
    return " ".join(fit(v, abs(w), align=">" if w < 0 else "<") for v, w in zip(values, widths, strict=True))


def number(value: object, digits: int = 1) -> str:
    """Return a figure, ``-`` when nobody knows it."""
    return f"{value:.{digits}f}" if isinstance(value, (int, float)) else "-"


def count(value: object) -> str:
    """Return a whole number, ``-`` when nobody knows it."""
    return f"{value:.0f}" if isinstance(value, (int, float)) else "-"


def age(seconds: float) -> str:
    """Return a duration in at most eight characters: ``59s``, ``12:34``, ``1:02:03``, ``12d 03h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    if whole < 86400:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 86400}d {whole // 3600 % 24:02}h"


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
