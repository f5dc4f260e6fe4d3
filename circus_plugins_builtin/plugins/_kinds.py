"""Kinds of option values that several plugins have."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from circus_core import values
from circus_core.options import Kind

MILLISECONDS: Final = 1000.0  #: in a second


def _period(text: str) -> float:
    seconds = values.number(text)
    if seconds <= 0:
        raise ValueError("not more than 0")
    return seconds


PERIOD: Final = Kind(
    name="number",
    parse=_period,
    fix="write a number of seconds, more than 0",
    complaint="isn't a number",
    json_types=(int, float),
)
RATE: Final = Kind(
    name="number",
    parse=partial(values.number, minimum=0),
    fix="write a number, 0 or more",
    complaint="isn't a number",
    json_types=(int, float),
)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as exc:
        raise ValueError(f"not a regular expression: {exc}") from None


def _show_pattern(pattern: re.Pattern[str] | None) -> str | None:
    return None if pattern is None else pattern.pattern


PATTERN: Final = Kind(
    name="regular expression",
    parse=_pattern,
    fix="write one as Python's re module reads it",
    show=_show_pattern,
)


def url(*schemes: str) -> Kind:
    """Return the kind of URLs that have one of *schemes*."""
    known = " or ".join(f"{scheme}://" for scheme in schemes)

    def parse(text: str) -> str:
        scheme, found, rest = text.strip().partition("://")
        if not found or scheme.lower() not in schemes or not rest:
            raise ValueError(f"not a URL of {known}")
        return text.strip()

    return Kind(name="URL", parse=parse, fix=f"write one that starts with {known}")
