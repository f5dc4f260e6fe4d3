"""Signals in messages."""

from __future__ import annotations

from circus_core.errors import MessageError
from circus_core.values import signal_number


def to_signum(value: int | str) -> int:
    """Return the number of a signal that a message gives as number or name.

    :raises MessageError: it is none
    """
    try:
        return signal_number(value)
    except ValueError as exc:
        raise MessageError(f"signal invalid: {value!r}; send a name such as TERM or a number") from exc
