"""The rhythm of reading a pipe."""

from __future__ import annotations

import fcntl
import os

import pytest

from circus_core.output.kernel import BIG_PIPE, SMALL_PIPE
from circus_core.output.pacing import PACE, SLOW_PACE, Pace, PipeSizes


def test_rare_output_is_read_at_once() -> None:
    pace = Pace()

    assert [pace.next_read(100, BIG_PIPE, now) for now in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)] == [None] * 6
    assert not pace.is_busy


def test_many_small_writes_prove_a_pipe_busy() -> None:
    pace = Pace()

    delays = [pace.next_read(100, BIG_PIPE, 1.0 + n * PACE / 10) for n in range(6)]

    assert delays == [None, None, None, None, 0.0, PACE]


def test_a_full_pipe_is_busy_at_once() -> None:
    pace = Pace()

    assert pace.next_read(SMALL_PIPE, BIG_PIPE, 1.0) == 0.0
    assert pace.is_busy


def test_there_is_more_where_all_that_was_asked_for_came() -> None:
    pace = Pace()
    pace.next_read(SMALL_PIPE, BIG_PIPE, 1.0)
    pace.resized(BIG_PIPE)

    assert pace.next_read(SMALL_PIPE, SMALL_PIPE, 2.0) == 0.0


@pytest.fixture
def busy() -> Pace:
    """A pipe of 1 MiB that was busy at 1.0, and is read with the longest pauses."""
    pace = Pace()
    pace.next_read(SMALL_PIPE, BIG_PIPE, 0.9)
    pace.resized(BIG_PIPE)
    for n in range(6):
        pace.next_read(100, BIG_PIPE, 0.95 + n / 100)
    return pace


@pytest.mark.parametrize(
    ("size", "gap", "delay"),
    [
        pytest.param(BIG_PIPE // 4, 0.006, 0.015, id="fills-a-quarter-meanwhile"),
        pytest.param(BIG_PIPE // 64, 0.01, SLOW_PACE, id="a-little-now-and-then"),
        pytest.param(0, 0.01, 0.0003, id="nothing-yet"),
        pytest.param(BIG_PIPE // 4, 0.0005, 0.0, id="fills-at-once"),
        pytest.param(BIG_PIPE - 1, 0.01, SLOW_PACE / 2, id="full-so-its-writer-may-wait"),
        pytest.param(BIG_PIPE // 2, 0.01, SLOW_PACE / 2, id="may-be-full-of-half-used-pages"),
    ],
)
def test_a_flood_is_read_before_the_pipe_is_full(busy: Pace, size: int, gap: float, delay: float) -> None:
    assert busy.next_read(size, BIG_PIPE, 1.0 + gap) == pytest.approx(delay)


def test_what_a_pipe_once_held_it_holds_again(busy: Pace) -> None:
    busy.next_read(BIG_PIPE - 1, BIG_PIPE, 1.01)

    assert busy.next_read(BIG_PIPE // 2, BIG_PIPE, 1.015) == pytest.approx(0.008)


class Writer:
    """Writes so many bytes a second into a pipe that holds *room*, and waits while it is full."""

    def __init__(self, pace: Pace, rate: float, room: int) -> None:
        self.pace = pace
        self.rate = rate
        self.room = room
        self.now = 1.0
        self.delay = PACE
        self.sizes: list[int] = []

    def write(self, reads: int) -> list[int]:
        """Return how much each of so many reads finds."""
        self.sizes.clear()
        for _ in range(reads):
            wait = max(self.delay, 0.0001)
            self.now += wait
            size = min(self.room, int(self.rate * wait))
            self.sizes.append(size)
            self.delay = self.pace.next_read(size, BIG_PIPE, self.now) or 0.0
        return self.sizes


@pytest.mark.parametrize("room", [BIG_PIPE, BIG_PIPE * 40 * 100 // 4096, 600_000, BIG_PIPE // 2 + 1])
def test_how_much_a_pipe_holds_is_learned_once(busy: Pace, room: int) -> None:
    writer = Writer(busy, 120e6, room)
    writer.write(12)

    found = writer.write(100)

    assert max(found) < room, "its writer had to wait"
    assert sum(found) / len(found) == pytest.approx(0.8 * room, rel=0.03)


def test_that_it_holds_more_is_found_in_time(busy: Pace) -> None:
    writer = Writer(busy, 120e6, 600_000)
    writer.write(12)
    writer.room = BIG_PIPE

    writer.write(160)

    assert writer.sizes[-1] == pytest.approx(0.8 * BIG_PIPE, rel=0.03)


def test_a_writer_that_becomes_faster_waits_for_a_moment(busy: Pace) -> None:
    writer = Writer(busy, 60e6, BIG_PIPE)
    writer.write(50)
    writer.rate = 400e6

    found = writer.write(20)

    assert found[0] == BIG_PIPE
    assert max(found[8:]) < BIG_PIPE


def test_pauses_grow_step_by_step(busy: Pace) -> None:
    found = [BIG_PIPE - 1] * 5 + [100] * 4

    delays = [busy.next_read(size, BIG_PIPE, 1.01 + n / 100) for n, size in enumerate(found)]

    assert delays == [0.01, 0.005, 0.0025, 0.0, 0.0, PACE, 2 * PACE, 4 * PACE, 8 * PACE]


def test_reads_in_a_row_tell_of_the_same_time(busy: Pace) -> None:
    part = BIG_PIPE // 16
    for _ in range(3):
        assert busy.next_read(part, part, 1.004) == 0.0

    assert busy.next_read(part - 1, part, 1.004) == pytest.approx(0.01, rel=0.01)


def test_a_busy_pipe_that_stays_empty_is_quiet_again(busy: Pace) -> None:
    delays = [busy.next_read(size, BIG_PIPE, 2.0 + n) for n, size in enumerate((0, 0, 10, *[0] * 9))]

    assert delays == [0.0003, 0.0006, PACE, *(min(SLOW_PACE, 0.0003 * 2**n) for n in range(8)), None]
    assert not busy.is_busy


@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="pipes have one size here")
def test_only_as_many_pipes_as_the_budget_allows_are_enlarged() -> None:
    pipes = [os.pipe() for _ in range(2)]
    sizes = PipeSizes(budget=BIG_PIPE)
    (first, _), (second, _) = pipes

    assert [sizes.enlarge(first), sizes.enlarge(second)] == [True, False]
    assert fcntl.fcntl(first, fcntl.F_GETPIPE_SZ) == BIG_PIPE
    sizes.shrink(first)
    assert fcntl.fcntl(first, fcntl.F_GETPIPE_SZ) == SMALL_PIPE
    assert sizes.enlarge(second)

    for fd in [fd for pipe in pipes for fd in pipe]:
        os.close(fd)
