"""Who is measured when in benchmarks, and what a failure does to the rest of a turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.metrics import Metric
from benchmarks.peers import Peer
from benchmarks.performing import Performer
from benchmarks.report import Report
from benchmarks.running import Failed, Plain, Running, round_trips
from benchmarks.schedule import Schedule, Turn


class Nobody(Peer):
    """A peer that is not run."""

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]  # each has its own

    def version(self) -> str:
        return "1"

    def configure(self, home: Path, program: Path, count: int) -> list[str]:
        raise NotImplementedError


def never(run: Running) -> dict[str, list[float]]:
    raise NotImplementedError


def metric(
    name: str, count: int = 1, repeats: int = 3, measure: Callable[[Running], dict[str, list[float]]] = never
) -> Metric:
    return Metric(name, name, {name: "ms"}, Plain(count), measure, repeats=repeats)


OURS, SLOW, QUICK = Nobody("ours"), Nobody("slow"), Nobody("quick")
PEERS = (OURS, SLOW, QUICK)
SECONDS = {"ours": 10.0, "slow": 100.0, "quick": 20.0}


def performed(schedule: Schedule, now: list[float] | None = None) -> list[tuple[int, str, str]]:
    """Return repeat, peer and metrics of all turns, each of whose metrics takes as long as its peer does."""
    turns = []
    for turn in schedule:
        turns.append((turn.repeat, turn.peer.name, " ".join(each.name for each in turn.metrics)))
        schedule.costs.add(turn.metrics[0].daemon, turn.peer.name, 0.0)
        for each in turn.metrics:
            schedule.costs.add(each.name, turn.peer.name, SECONDS[turn.peer.name])
            if now:
                now[0] += SECONDS[turn.peer.name]
    return turns


def test_peers_take_turns_in_another_order_each_time() -> None:
    turns = performed(Schedule([metric("a")], PEERS))
    assert [name for _, name, _ in turns] == ["ours", "slow", "quick", "slow", "quick", "ours", "quick", "ours", "slow"]


def test_metrics_of_an_equal_daemon_share_it() -> None:
    chosen = [metric("a", 10), metric("b", 20), metric("c", 10)]
    assert performed(Schedule(chosen, [OURS], repeats=1)) == [(0, "ours", "a c"), (0, "ours", "b")]


def test_a_metric_says_how_often_unless_the_user_does() -> None:
    chosen = [metric("a", repeats=2), metric("b", repeats=1)]
    assert performed(Schedule(chosen, [OURS])) == [(0, "ours", "a b"), (1, "ours", "a")]
    assert performed(Schedule(chosen, [OURS], repeats=2)) == [(0, "ours", "a b"), (1, "ours", "a b")]


@pytest.mark.parametrize(
    ("seconds", "slow", "quick"),
    [
        pytest.param(1000.0, 3, 3, id="enough for all"),
        pytest.param(350.0, 2, 3, id="the quick one first"),
        pytest.param(200.0, 1, 3, id="the slow one once"),
        pytest.param(170.0, 1, 2, id="less"),
        pytest.param(1.0, 1, 1, id="ours in any case"),
    ],
)
def test_what_takes_long_is_measured_less_often(seconds: float, slow: int, quick: int) -> None:
    now = [0.0]
    turns = performed(Schedule([metric("a")], PEERS, seconds=seconds, clock=lambda: now[0]), now)
    names = [name for _, name, _ in turns]
    assert {name: names.count(name) for name in SECONDS} == {"ours": 3, "slow": slow, "quick": quick}


def test_a_cheap_metric_is_repeated_without_a_costly_one_on_the_same_daemon() -> None:
    now = [0.0]
    schedule = Schedule([metric("cheap"), metric("costly")], [SLOW], seconds=100.0, clock=lambda: now[0])
    repeats = []
    for turn in schedule:
        repeats.append(" ".join(each.name for each in turn.metrics))
        schedule.costs.add(turn.metrics[0].daemon, "slow", 0.0)
        for each in turn.metrics:
            took = 1.0 if each.name == "cheap" else 60.0
            schedule.costs.add(each.name, "slow", took)
            now[0] += took
    assert repeats == ["cheap costly", "cheap", "cheap"]


def test_time_left_is_what_is_allowed_until_something_is_known() -> None:
    schedule = Schedule([metric("a")], [OURS], seconds=300.0, clock=lambda: 0.0)
    turns = iter(schedule)
    next(turns)
    assert (schedule.seconds_left, schedule.number, schedule.most) == (300.0, 1, 3)
    schedule.costs.add(Plain(1), "ours", 5.0)
    schedule.costs.add("a", "ours", 10.0)
    next(turns)
    assert (schedule.seconds_left, schedule.number, schedule.most) == (30.0, 2, 3)


@pytest.mark.parametrize(("seconds", "left"), [(None, 240.0), (50.0, 50.0)], ids=["without a limit", "with one"])
def test_time_left_of_what_is_not_known_is_a_guess(seconds: float | None, left: float) -> None:
    schedule = Schedule([metric("a")], PEERS, seconds=seconds, repeats=2, clock=lambda: 0.0)
    turns = iter(schedule)
    next(turns)
    schedule.costs.add(Plain(1), "ours", 20.0)
    schedule.costs.add("a", "ours", 20.0)
    assert schedule.seconds_left == left


def turn(started: list[int], *measures: Callable[[Running], dict[str, list[float]]]) -> Turn:
    """Return a turn whose daemons cost nothing; *started* counts them."""

    @contextmanager
    def daemon(peer: Peer) -> Iterator[Running]:
        started.append(1)
        yield None  # type: ignore[misc]  # nobody looks at it

    metrics = [Metric(f"m{n}", "", {}, daemon, measure) for n, measure in enumerate(measures)]
    return Turn(0, OURS, tuple(metrics))


def failing(run: Running) -> dict[str, list[float]]:
    raise Failed("no reply")


def test_after_a_failure_the_rest_has_a_new_daemon() -> None:
    report, started = Report(), list[int]()
    asked = turn(started, lambda run: {"a": [1.0]}, failing, lambda run: {"c": [3.0]})
    Performer(report, Schedule([], []).costs, lambda text: None).perform(asked)
    assert report.results == {"a": {"ours": [1.0]}, "c": {"ours": [3.0]}}
    assert report.notes == ["m1: ours: no reply"] and len(started) == 2


def test_a_daemon_that_does_not_start_fails_all_its_metrics() -> None:
    @contextmanager
    def broken(peer: Peer) -> Iterator[Running]:
        raise Failed("does not start")
        yield

    report = Report()
    metrics = tuple(Metric(name, "", {}, broken, never) for name in "ab")
    Performer(report, Schedule([], []).costs, lambda text: None).perform(Turn(0, OURS, metrics))
    assert report.notes == ["a: ours: does not start", "b: ours: does not start"]


def test_round_trips_are_one_at_least() -> None:
    assert len(round_trips(lambda: None, most=5, seconds=0.0)) == 1
    assert len(round_trips(lambda: None, most=5, seconds=60.0)) == 5
