"""Streams of earlier versions, which are called with a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from circus_core.interfaces import Chunk
from circus_core.output import make_stream
from circus_streams.file import FileStream
from circus_streams.stdout import StdoutStream

CHUNK = Chunk(b"one\n", 7351, "stdout", "web", 1, 12.5)


class Legacy:
    """As a user's class of old looks."""

    def __init__(self, **options: str) -> None:
        self.options = options
        self.seen: list[Any] = []

    def __call__(self, data: Mapping[str, Any]) -> None:
        self.seen.append(data)

    def close(self) -> None:
        self.seen.append("closed")


def make(**options: str) -> Legacy:
    """As a user's function of old looks."""
    return Legacy(**options)


def resolve(source: str | Callable[..., Any]) -> Callable[..., Any]:
    named: dict[str, Callable[..., Any]] = {"Legacy": Legacy, "make": make}
    return named[source] if isinstance(source, str) else source


@pytest.mark.parametrize("source", ["Legacy", "make", Legacy])
def test_a_callable_is_called_with_the_documented_mapping(source: str | Callable[..., Any]) -> None:
    stream = make_stream(source, {"color": "blue"}, resolve)
    legacy = stream.target  # type: ignore[attr-defined]
    stream.open()
    stream.write(CHUNK)
    stream.reopen()
    stream.close()

    assert legacy.options == {"color": "blue"}
    assert legacy.seen == [{"data": b"one\n", "pid": 7351, "name": "stdout", "timestamp": 12.5}, "closed"]
    assert stream.may_block


def test_a_stream_of_the_program_is_used_as_it_is() -> None:
    seen: list[Any] = []
    own = StdoutStream()

    make_stream(seen.append, {}, resolve).write(CHUNK)

    assert seen[0]["data"] == b"one\n"
    assert make_stream(own, {}, resolve) is own


def test_a_built_in_class_whose_call_was_overridden_is_called(tmp_path: Path) -> None:
    class Shouting(FileStream):
        def __call__(self, data: Mapping[str, Any]) -> None:
            super().__call__({**data, "data": data["data"].upper()})

    stream = make_stream(Shouting, {"filename": str(tmp_path / "out")}, resolve)
    stream.open()
    stream.write(CHUNK)
    stream.close()

    assert (tmp_path / "out").read_bytes() == b"ONE\n"


def test_what_is_no_stream_is_refused() -> None:
    with pytest.raises(TypeError, match="is no stream: write a subclass"):
        make_stream(object, {}, resolve)
