"""Whether a stream can be made with the options that a configuration gives it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from circus_core.errors import OptionError
from circus_core.interfaces import Stream


def check_options(maker: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Make sure that *maker*, a class or a function that a configuration names, can be called with *options*.

    A subclass of :class:`~circus_core.interfaces.Stream` is tried, since it touches nothing before it is opened; of
    others only the signature is looked at.

    :raises OptionError: it cannot; ``class`` is its option when no single one is at fault
    """
    try:
        inspect.signature(maker).bind(**options)
        if isinstance(maker, type) and issubclass(maker, Stream) and not is_called(maker):
            maker(**options)
    except OptionError:
        raise
    except (TypeError, ValueError) as exc:
        name = getattr(maker, "__qualname__", str(maker))
        given = ", ".join(options) or "no option"
        raise OptionError(
            "class", name, why=f"cannot be made with {given}: {exc}", fix="write the options that it takes"
        ) from exc


def is_called(stream: type[Stream]) -> bool:
    """Whether a subclass of a built-in stream takes the output by ``__call__``, as earlier versions had it."""
    for parent in stream.__mro__:
        if "write" in vars(parent):
            return False
        if "__call__" in vars(parent):
            return True
    return False
