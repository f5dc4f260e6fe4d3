"""The newest output of one slot."""

from __future__ import annotations

import pytest

from circus_core.output.ring import PIECE, Ring, pieces


def kept(ring: Ring) -> list[bytes]:
    return [entry[-1] for entry in ring.newest_first()][::-1]


@pytest.mark.parametrize(
    ("lines", "capacity", "parts"),
    [
        pytest.param(b"a\nb\n", 100, [b"a\nb\n"], id="little"),
        pytest.param(b"no end", 100, [b"no end"], id="unfinished"),
        pytest.param(b"first\nsecond\nlast\n", 9, [b"last\n"], id="begins-with-a-line"),
        pytest.param(b"first\nsecond\nlast\n", 12, [b"second\nlast\n"], id="begins-just-with-a-line"),
        pytest.param(b"x" * 50, 20, [b"x" * 20], id="part-of-a-long-line"),
        pytest.param(b"x" * 50 + b"\n", 20, [b"x" * 19 + b"\n"], id="end-of-a-long-line"),
        pytest.param(b"y" * PIECE + b"\nz\n", 2 * PIECE, [b"y" * PIECE + b"\n", b"z\n"], id="cut-at-a-line"),
    ],
)
def test_pieces(lines: bytes, capacity: int, parts: list[bytes]) -> None:
    assert list(pieces(memoryview(lines), capacity)) == parts


def test_pieces_of_much_output_are_small_and_whole_lines() -> None:
    parts = list(pieces(memoryview(b"%099d\n" % 7 * 5000), 65536))

    assert all(len(part) <= PIECE + 100 and part.endswith(b"\n") for part in parts)
    assert 65536 - 100 < sum(map(len, parts)) <= 65536


def test_the_oldest_make_room() -> None:
    ring = Ring()
    for number in range(1, 6):
        ring.put((number, 0.0, 7, "stdout", b"line %d\n" % number), 16)

    assert kept(ring) == [b"line 4\n", b"line 5\n"]
    assert ring.forgotten == 3


@pytest.mark.parametrize(
    ("data", "left"),
    [
        pytest.param(b"1234\n6789\nabcd\n", b"6789\nabcd\n", id="a-whole-line"),
        pytest.param(b"123\n5678\n0\nabcd\n", b"0\nabcd\n", id="into-a-line"),
        pytest.param(b"123456789012345", b"", id="one-long-line"),
        pytest.param(b"12345678901234\n", b"", id="up-to-its-end"),
    ],
)
def test_lines_make_room_and_not_all_that_came_with_them(data: bytes, left: bytes) -> None:
    ring = Ring()
    ring.put((1, 0.0, 7, "stdout", data), 20)
    ring.put((2, 0.0, 7, "stdout", b"last line\n"), 20)

    assert kept(ring) == [*filter(None, [left]), b"last line\n"]
    assert ring.forgotten == 1
    assert ring.cost == sum(len(entry) + 256 for entry in kept(ring))


def test_what_it_costs_is_right_after_putting_and_shrinking() -> None:
    ring, cost = Ring(), 0
    for number in range(10):
        ring.put((number, 0.0, 7, "stdout", b"x" * 100), 500)
    cost = ring.cost
    assert cost == 5 * (100 + 256)

    assert ring.shrink(800) == -3 * 356
    assert (ring.cost, len(kept(ring))) == (2 * 356, 2)
    ring.shrink(0)
    assert (ring.cost, kept(ring)) == (0, [])
