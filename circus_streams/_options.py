"""Options of streams: text from an ini file, or values from a program."""

from __future__ import annotations

from circus_core.errors import OptionError


def whole_number(option: str, value: object, *, unit: str) -> int:
    """Return *value* as a number that is not negative.

    :raises OptionError: it is none
    """
    try:
        number = int(str(value).strip())
    except ValueError:
        number = -1
    if number < 0:
        raise OptionError(option, value, why="not a whole number from 0 on", fix=f"write {unit}, such as 10")
    return number
