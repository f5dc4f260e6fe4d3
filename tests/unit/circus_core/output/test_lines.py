"""Whole lines out of a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from circus_core.output.journal import Journal
from circus_core.output.lines import MAX_LINE, Buffer, LineBuffer


@pytest.fixture(params=["plain", "journal"])
def buffer(request: pytest.FixtureRequest) -> Iterator[Buffer]:
    buffer = LineBuffer() if request.param == "plain" else Journal.create()
    yield buffer
    buffer.close()


@pytest.fixture
def slot(buffer: Buffer) -> int:
    return buffer.open_slot(1, 1)[0]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("tail", "written", "lines", "rest"),
    [
        pytest.param(b"", b"a\nb\n", b"a\nb\n", b"", id="whole"),
        pytest.param(b"", b"a\nb", b"a\n", b"b", id="unfinished-is-held"),
        pytest.param(b"a", b"b", b"", b"ab", id="grows"),
        pytest.param(b"a", b"b\nc", b"ab\n", b"c", id="is-finished"),
        pytest.param(b"x" * (MAX_LINE - 1), b"y", b"x" * (MAX_LINE - 1) + b"y", b"", id="capped"),
    ],
)
def test_read(
    buffer: Buffer, slot: int, pipe: tuple[int, int], *, tail: bytes, written: bytes, lines: bytes, rest: bytes
) -> None:
    os.write(pipe[1], written)

    size, got, held = buffer.read(slot, pipe[0], tail)

    assert (size, bytes(got), held) == (len(written), lines, rest)


def test_an_empty_pipe_leaves_the_unfinished_line_alone(buffer: Buffer, slot: int, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"beginning")
    _, _, tail = buffer.read(slot, pipe[0], b"")
    buffer.settle(slot, tail)

    with pytest.raises(BlockingIOError):
        buffer.read(slot, pipe[0], tail)

    os.write(pipe[1], b" end\n")
    assert bytes(buffer.read(slot, pipe[0], tail)[1]) == b"beginning end\n"


def test_the_limit_bounds_what_is_read(buffer: Buffer, slot: int, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"one\ntwo\n")

    assert buffer.read(slot, pipe[0], b"", limit=4)[0] == 4
