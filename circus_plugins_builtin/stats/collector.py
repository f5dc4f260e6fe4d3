"""Statistics of a single watcher, or of the sockets, for programs that collect their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from circus_core.procinfo import Sampler
from circus_plugins_builtin.stats.aggregate import aggregate
from circus_plugins_builtin.stats.sockets import SocketFigures


class PidSource(Protocol):
    """What knows the processes of watchers: a streamer."""

    def get_pids(self, watcher: str | None = None) -> list[int]:
        """Return the pids of a watcher."""


class WatcherStatsCollector:
    """Collects the figures of the processes of the watcher *name*.

    :param callback_time: accepted as ever, like *io_loop*: whoever wants figures calls :meth:`collect_stats`
    """

    def __init__(self, streamer: PidSource, name: str, callback_time: float = 1.0, io_loop: object = None) -> None:
        self.streamer = streamer
        self.name = name
        self._sampler = Sampler()

    def collect_stats(self) -> Iterator[dict[str, Any]]:
        """Yield what there is to tell of each process, then of the watcher."""
        sampled = self._sampler.sample(self.streamer.get_pids(self.name), with_children=False)
        found = {pid: info for pid, info in sampled.items() if isinstance(info, dict)}
        for pid, info in found.items():
            yield {**info, "subtopic": pid, "name": None}
        yield self._aggregate(found)

    def _aggregate(self, aggregate_by_pid: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        return aggregate(aggregate_by_pid)


class SocketStatsCollector:
    """Collects the figures of sockets, given as ``listsockets`` tells them."""

    def __init__(
        self, streamer: object, name: str, sockets: Iterable[Mapping[str, Any]] = (), io_loop: object = None
    ) -> None:
        self.streamer = streamer
        self.name = name
        self._figures = SocketFigures()
        self._figures.watch(sockets)

    def look(self) -> None:
        """Count the sockets where something waits."""
        self._figures.look()

    def collect_stats(self) -> Iterator[dict[str, Any]]:
        """Yield what there is to tell of each socket since this was called last."""
        yield from self._figures.payloads()

    def close(self) -> None:
        """Count nothing any more. May be called twice."""
        self._figures.close()
