"""Options of streams: text from an ini file, or values from a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from circus_core.errors import OptionError

T = TypeVar("T")


def option(name: str, value: object, parse: Callable[[str], T], *, fix: str) -> T:
    """Return *value* as *parse* reads it.

    :raises OptionError: *parse* refuses it
    """
    try:
        return parse(str(value))
    except ValueError as exc:
        raise OptionError(name, value, why=str(exc), fix=fix) from None
