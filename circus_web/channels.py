"""What live pages show: one channel for each kind of page, filled from what is known of the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Final

from circus_core.quick_dataclass import dataclass
from circus_web.asker import AskError
from circus_web.document import Document
from circus_web.figures import UNKNOWN, Figures, percent
from circus_web.problems import level_of
from circus_web.system import Happening, Process, System, Watched

Render = Callable[..., str]
"""Makes HTML of a template's name and values."""


Ask = Callable[..., Awaitable[dict[str, Any]]]
"""Sends a command with properties and gives its reply; raises ``AskError``."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: what it is made of, and what changes in it.

    :param key: the row is made anew when this changes
    """

    region: str
    id: str
    key: object
    template: str
    values: Mapping[str, Any]
    cells: Mapping[str, str] = field(default_factory=dict)

    def html(self, render: Render) -> str:
        """Return it as it is now."""
        return render(self.template, **self.values, cells=self.cells)


class Channel(ABC):
    """The live part of a page, one for all who look at it."""

    name: ClassVar[str]

    def __init__(self, argument: str = "") -> None:
        self.argument = argument
        self.document = Document()
        self._shown: dict[str, Row] = {}

    @property
    def key(self) -> str:
        """What browsers know it by."""
        return f"{self.name}:{self.argument}"

    @property
    def wanted(self) -> str | None:
        """The watcher whose processes it shows."""
        return None

    async def follow(self, ask: Ask, system: System, changed: Callable[[], None]) -> None:
        """Learn what *system* does not know, as long as somebody looks; cancelled when nobody does any more.

        :param changed: to be called when there is something new
        """

    async def ready(self) -> None:
        """Return once there is something to show."""

    @abstractmethod
    def rows(self, system: System) -> Iterator[Row]:
        """Yield the rows of now."""

    def cells(self, system: System) -> Mapping[str, Mapping[str, str]]:
        """Return the texts outside of rows: id to name to text."""
        return {}

    def points(self, system: System) -> Mapping[str, list[float | None]]:
        """Return what charts go on with."""
        return {}

    def fill(self, system: System, render: Render) -> None:
        """Bring the document up to date."""
        document = self.document
        shown, self._shown = self._shown, {row.id: row for row in self.rows(system)}
        for row_id, row in self._shown.items():
            if shown.get(row_id) is not row:
                document.put_row(row.region, row_id, row.key, lambda row=row: row.html(render))  # type: ignore[misc]
                document.put_cells(row_id, row.cells)
        document.keep_rows(self._shown)
        for place, cells in self.cells(system).items():
            document.put_cells(place, cells)
        for chart, points in self.points(system).items():
            document.put_points(chart, points)


class IndexChannel(Channel):
    """All watchers, with sums."""

    name = "index"

    def rows(self, system: System) -> Iterator[Row]:
        now = system.clock()
        for watched in system.watchers.values():
            yield watcher_row(watched, level_of(watched, now))

    def cells(self, system: System) -> Mapping[str, Mapping[str, str]]:
        watchers = list(system.watchers.values())
        summary = {
            "active": str(sum(watched.state == "active" for watched in watchers)),
            "watchers": str(len(watchers)),
            "processes": str(sum(watched.counted for watched in watchers)),
            "cpu": percent(_sum(watched.cpu for watched in watchers)),
            "mem": percent(_sum(watched.mem for watched in watchers), 2),
            "hits": str(sum(int(f.get("reads") or 0) for f in system.socket_figures.values())),
        }
        own = {f"own:{name}": figure_cells(system.own.get(name)) for name in ("circusd", "circusd-stats")}
        return {"summary": summary, **own}

    def points(self, system: System) -> Mapping[str, list[float | None]]:
        cpu = _sum(watched.cpu for watched in system.watchers.values())
        mem = _sum(watched.mem for watched in system.watchers.values())
        return {} if cpu is None else {"total": [system.clock(), cpu, mem]}


def _sum(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def watcher_row(watched: Watched, level: int) -> Row:
    """Return the row of a watcher in the list."""
    report = watched.report
    wanted = report.get("numprocesses")
    count = str(watched.counted) if wanted in {None, watched.counted} else f"{watched.counted}/{wanted}"
    cells = {"count": count, "cpu": percent(watched.cpu), "mem": percent(watched.mem, 2)}
    cells["restarts"] = str(report.get("restarts") or 0)
    key = (watched.state, level, report.get("since"))
    return Row("watchers", f"w:{watched.name}", key, "row_watcher", {"watched": watched, "level": level}, cells)


def figure_cells(figures: Figures | None) -> dict[str, str]:
    """Return the cells of figures; of none, those that say so."""
    figures = figures or Figures()
    return {"cpu": percent(figures.cpu), "mem": percent(figures.mem, 2), "rss": figures.rss or UNKNOWN}


class WatcherChannel(Channel):
    """One watcher and its processes."""

    name = "watcher"

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        self._rows: dict[int, tuple[object, Row]] = {}

    @property
    def wanted(self) -> str | None:
        return self.argument

    def rows(self, system: System) -> Iterator[Row]:
        watched = system.watchers.get(self.argument)
        if watched is None:
            return
        yield Row("watcher-head", "head", _head_key(watched), "row_head", {"watched": watched, "now": system.clock()})
        # Of a thousand processes most are as they were: their rows are not made anew.
        known, self._rows = self._rows, {}
        for process in sorted(watched.processes.values(), key=lambda p: (p.wid is None, p.wid or 0, p.pid)):
            state = (_process_key(process), process.figures)
            was, row = known.get(process.pid, (None, None))
            if row is None or was != state:
                row = process_row(watched.name, process)
            self._rows[process.pid] = state, row
            yield row

    def cells(self, system: System) -> Mapping[str, Mapping[str, str]]:
        watched = system.watchers.get(self.argument)
        if watched is None:
            return {}
        return {"sums": {"cpu": percent(watched.cpu), "mem": percent(watched.mem, 2), "count": str(watched.counted)}}

    def points(self, system: System) -> Mapping[str, list[float | None]]:
        watched = system.watchers.get(self.argument)
        return {} if watched is None or watched.cpu is None else {"watcher": [system.clock(), watched.cpu, watched.mem]}


def _head_key(watched: Watched) -> object:
    report = watched.report
    names = ("state", "since", "numprocesses", "reason", "last_error", "retries", "restarts")
    return (*(report.get(name) for name in names), str(report.get("last_exit")))


def _process_key(process: Process) -> object:
    return process.wid, process.started, process.user, process.command, process.is_stopping


def process_row(watcher: str, process: Process) -> Row:
    """Return the row of a process."""
    cells = {**figure_cells(process.figures), "time": process.figures.time or UNKNOWN}
    values = {"watcher": watcher, "process": process}
    return Row("processes", f"p:{process.pid}", _process_key(process), "row_process", values, cells)


class EventsChannel(Channel):
    """What happened, the newest first; of one watcher or of all."""

    name = "events"

    def rows(self, system: System) -> Iterator[Row]:
        for happening in reversed(system.events):
            if not self.argument or happening.watcher == self.argument:
                yield event_row(happening)


def event_row(happening: Happening) -> Row:
    """Return the row of an event."""
    return Row("events", f"e:{happening.number}", None, "row_event", {"event": happening})


class OutputChannel(Channel):
    """What a watcher or one of its processes prints.

    :param argument: name of the watcher, or pid and name with a slash between
    """

    name = "output"

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        self._is_asked = asyncio.Event()
        self._note = ""

    def cells(self, system: System) -> Mapping[str, Mapping[str, str]]:
        return {"output": {"note": self._note}}

    def rows(self, system: System) -> Iterator[Row]:
        return iter(())

    async def ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._is_asked.wait()

    async def follow(self, ask: Ask, system: System, changed: Callable[[], None]) -> None:
        pid, slash, _ = self.argument.partition("/")
        source = {"names": [pid if slash and pid.isdigit() else self.argument]}
        more: dict[str, Any] = {"lines": _FIRST_LINES}
        while True:
            try:
                reply = await ask("logs", timeout=_LONGEST + 5, **source, **more)
            except AskError as exc:
                self._note = str(exc)
                await asyncio.sleep(_AGAIN)
                more = {"lines": _FIRST_LINES} if "after" not in more else more
                continue
            else:
                gap = [{"gap": True}] if reply.get("gaps") else []
                self.document.add_lines([*gap, *map(_line, reply["lines"])])
                self._note = "; ".join(f"{name}: {why}" for name, why in reply.get("unkept", {}).items())
                more = {"lines": _MOST_LINES, "after": reply["cursor"], "wait": _LONGEST}
            finally:
                self._is_asked.set()
                changed()
            await asyncio.sleep(_PAUSE)


_CONTROLS: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")
_PATIENCE: Final = 2.0  #: seconds that a page waits for the first lines
_FIRST_LINES: Final = 500
_MOST_LINES: Final = 1000  # at once: more than a screen shows, less than a browser chokes on
_LONGEST: Final = 25.0  #: seconds that the daemon waits for news
_PAUSE: Final = 0.2  #: seconds between two questions, however much comes
_AGAIN: Final = 2.0  #: seconds before asking again after an error


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: line.get(name) for name in ("time", "watcher", "wid", "pid", "stream")}
    # Colours and the like, which programs ask terminals for, are left out.
    return {**told, "message": _CONTROLS.sub("", str(line.get("message", "")))}


CHANNELS: Mapping[str, type[Channel]] = {
    channel.name: channel for channel in (IndexChannel, WatcherChannel, EventsChannel, OutputChannel)
}
