"""Who is measured when: peers take turns, and what takes long is measured less often when time is short."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.metrics import Metric
from benchmarks.peers import OURS, Peer


@dataclass(frozen=True)
class Turn:
    """One peer runs one daemon, on which some metrics are measured."""

    repeat: int
    peer: Peer
    metrics: tuple[Metric, ...]


class Costs:
    """The seconds that daemons and metrics took; what is not known yet is as of other peers, or as anything else."""

    def __init__(self) -> None:
        self._known: dict[object, dict[str, list[float]]] = {}

    def add(self, what: object, peer: str, seconds: float) -> None:
        self._known.setdefault(what, {}).setdefault(peer, []).append(seconds)

    def of(self, what: object, peer: str) -> float:
        """Return the mean of what it took."""
        peers = self._known.get(what, {})
        took = peers.get(peer) or [seconds for each in peers.values() for seconds in each]
        took = took or [seconds for each in self._known.values() for one in each.values() for seconds in one]
        return statistics.mean(took) if took else 0.0

    def are_known(self, what: object, peer: str) -> bool:
        return peer in self._known.get(what, {})

    def __bool__(self) -> bool:
        return bool(self._known)


class Schedule:
    """Everybody's turns: all in the first repeat, then as many as fit in the time.

    The first of ours is due in every repeat; of the others those that take long stay out of some, but for the first.

    ``number`` is that of the present turn, from 1; ``costs`` are to be told by who performs turns.

    :param repeats: how often each is measured; what metrics say by default
    :param seconds: what all may take; without a limit by default
    """

    def __init__(
        self,
        chosen: Sequence[Metric],
        peers: Collection[Peer],
        *,
        repeats: int | None = None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.costs = Costs()
        self.number = 1
        self._peers = list(peers)
        self._repeats = {metric.name: repeats or metric.repeats for metric in chosen}
        self._groups = _grouped(chosen)
        self._seconds = seconds
        self._clock = clock
        self._started = clock()
        self._ahead: list[Turn] = []

    def __iter__(self) -> Iterator[Turn]:
        for repeat in range(max(self._repeats.values(), default=0)):
            self._ahead = self._affordable(self._wanted(repeat), self._time_left())
            while self._ahead and self._ahead[0].repeat == repeat:
                yield self._ahead[0]
                del self._ahead[0]
                self.number += 1

    @property
    def most(self) -> int:
        """The number of the last turn; in the first repeat only some of these will have the time."""
        return self.number + len(self._ahead) - 1

    @property
    def seconds_left(self) -> float | None:
        """What the turns ahead will take; a guess in the first repeat, ``None`` when there is nothing to guess from."""
        allowed = self._time_left()
        if not self.costs:
            return allowed
        ahead = sum(self._cost(turn) for turn in self._ahead)
        are_known = all(self.costs.are_known(m.name, turn.peer.name) for turn in self._ahead for m in turn.metrics)
        return ahead if are_known or allowed is None else min(ahead, allowed)

    def _time_left(self) -> float | None:
        return None if self._seconds is None else max(0.0, self._seconds - (self._clock() - self._started))

    def _wanted(self, first: int) -> list[Turn]:
        """Return all turns from one repeat on, in order."""
        turns = []
        for repeat in range(first, max(self._repeats.values())):
            for group in self._groups:
                at = repeat % len(self._peers) if self._peers else 0
                for peer in self._peers[at:] + self._peers[:at]:
                    due = [m for m in group if repeat < self._repeats[m.name] and m.applies(peer)]
                    turns += [Turn(repeat, peer, tuple(due))] if due else []
        return turns

    def _affordable(self, wanted: list[Turn], seconds: float | None) -> list[Turn]:
        """Leave out what there is no time for; what is cheap has its second and third repeat first."""
        if seconds is None:
            return wanted
        kept: dict[int, set[str]] = {}
        for number, turn in enumerate(wanted):
            if _is_due(turn):
                kept[number] = {metric.name for metric in turn.metrics}
                seconds -= self._cost(turn)
        others = [(n, turn, metric) for n, turn in enumerate(wanted) if n not in kept for metric in turn.metrics]
        others.sort(key=lambda each: self._part(each[1], each[2]) * (1 + each[1].repeat))
        for number, turn, metric in others:
            cost = self.costs.of(metric.name, turn.peer.name)
            cost += 0 if number in kept else self.costs.of(metric.daemon, turn.peer.name)
            if cost <= seconds:
                kept.setdefault(number, set()).add(metric.name)
                seconds -= cost
        return [
            Turn(turn.repeat, turn.peer, tuple(m for m in turn.metrics if m.name in kept[number]))
            for number, turn in enumerate(wanted)
            if number in kept
        ]

    def _part(self, turn: Turn, metric: Metric) -> float:
        """Return what a metric costs with its part of the daemon."""
        name = turn.peer.name
        return self.costs.of(metric.name, name) + self.costs.of(metric.daemon, name) / len(turn.metrics)

    def _cost(self, turn: Turn) -> float:
        parts = (turn.metrics[0].daemon, *(metric.name for metric in turn.metrics))
        return sum(self.costs.of(part, turn.peer.name) for part in parts)


def _is_due(turn: Turn) -> bool:
    return turn.repeat == 0 or turn.peer.name == OURS[0]


def _grouped(chosen: Sequence[Metric]) -> list[list[Metric]]:
    """Return the metrics that share a daemon together, in their order."""
    groups: list[list[Metric]] = []
    for metric in chosen:
        for group in groups:
            if group[0].daemon == metric.daemon:
                group.append(metric)
                break
        else:
            groups.append([metric])
    return groups
