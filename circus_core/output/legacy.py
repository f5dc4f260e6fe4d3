"""Streams of earlier versions: anything that is called with a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from circus_core._stream_options import is_called
from circus_core.interfaces import Chunk, Stream


class LegacyStream(Stream):
    """Calls *target* with ``{"data", "pid", "name", "timestamp"}``, on a thread of its own.

    Its methods ``open``, ``reopen`` and ``close`` are used where it has them.
    """

    def __init__(self, target: Callable[[dict[str, Any]], object]) -> None:
        self.target = target

    def open(self) -> None:
        self._call("open")

    def write(self, chunk: Chunk) -> None:
        self.target({"data": chunk.data, "pid": chunk.pid, "name": chunk.name, "timestamp": chunk.time})

    def reopen(self) -> None:
        self._call("reopen")

    def close(self) -> None:
        self._call("close")

    def _call(self, name: str) -> None:
        method = getattr(self.target, name, None)
        if callable(method):
            method()


def make_stream(
    source: str | Callable[..., Any],
    options: Mapping[str, Any],
    resolve: Callable[[str | Callable[..., Any]], Callable[..., Any]],
) -> Stream:
    """Return the stream that a configuration asks for.

    :param source: the name of a class, a class, or a stream
    :param options: what a class is made with
    :param resolve: returns what a name stands for, and anything else as it is
    :raises TypeError: it is neither a stream nor callable with the output
    """
    target = resolve(source)
    made = target(**options) if isinstance(source, str) or isinstance(target, type) else target
    if isinstance(made, Stream) and not is_called(type(made)):
        return made
    if callable(made):
        return LegacyStream(made)
    raise TypeError(
        f"{made!r} is no stream: write a subclass of circus_core.Stream, or a class with __call__(self, data)"
    )
