"""One daemon's live pages: filled once, told to everybody who looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

import zmq

from circus_core.events import res_name
from circus_core.quick_dataclass import dataclass
from circus_web.channels import Channel, Row
from circus_web.document import Message
from circus_web.settings import Settings
from circus_web.sync import Sync
from circus_web.system import System
from circus_web.templates import Templates

logger: Final = logging.getLogger("circus.console")

Sink = Callable[[str], None]
"""Takes a message, as JSON; called on the feed's loop."""

_PERIOD: Final = 1.0  #: seconds between two messages when nothing special happened
_SETTLE: Final = 0.05  #: seconds in which more may come, as figures of a thousand processes do
_SPACING: Final = 0.1  #: seconds between two messages at least
_MAX_SHARE: Final = 0.03  # of a core that filling pages may take when much happens
_FORGET: Final = 15.0  #: seconds after which a page that nobody looks at is forgotten


@dataclass(slots=True)
class _Watched:
    """A channel with those who look at it."""

    channel: Channel
    sinks: dict[int, Sink] = field(default_factory=dict)
    version: str = ""
    was_up: bool = False
    asked_at: float = 0.0
    task: asyncio.Task[None] | None = None

    def is_looked_at(self, now: float) -> bool:
        return bool(self.sinks) or now - self.asked_at < _FORGET


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A page as it was at one moment; *version* is where live messages go on."""

    version: str
    rows: Sequence[Row]
    cells: Mapping[str, Mapping[str, str]]
    html: Mapping[str, str]
    lines: Sequence[Any] = ()


class Feed:
    """Follows one daemon for all browsers that look at it. Lives on an event loop."""

    def __init__(self, endpoint: str, context: zmq.Context[Any], settings: Settings, templates: Templates) -> None:
        self.system = System(endpoint)
        self._changed = asyncio.Event()
        self.sync = Sync(self.system, context, settings, self._changed.set)
        self._render = templates.render
        self._open: dict[tuple[str, str], _Watched] = {}
        self._numbers = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.sync.run())
                group.create_task(self._tell())
        finally:
            for watched in self._open.values():
                if watched.task is not None:
                    watched.task.cancel()

    async def until_known(self, seconds: float) -> bool:
        """Wait for the first look at the daemon, and return whether it is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.sync.looked.wait()
        return self.system.is_up

    def changed(self) -> None:
        """Have pages filled soon."""
        self._changed.set()

    # Looking

    async def look(self, make: Callable[[], Channel]) -> Snapshot:
        """Return a page of now; who looks is expected to ask for changes soon."""
        watched = self._get(make)
        channel = watched.channel
        await channel.ready()
        rows = list(channel.rows(self.system))
        cells = {place: dict(texts) for place, texts in channel.cells(self.system).items()}
        channel.fill(self.system, self._render)
        document = channel.document
        return Snapshot(document.version, rows, cells, document.regions(), document.lines())

    async def poll(self, make: Callable[[], Channel], since: str) -> str:
        """Return what changed since the version *since*, as JSON."""
        watched = self._get(make)
        await watched.channel.ready()
        watched.channel.fill(self.system, self._render)
        return self._encode(watched.channel, watched.channel.document.changes(since) or {})

    def watch(self, make: Callable[[], Channel], since: str, sink: Sink) -> Callable[[], None]:
        """Tell *sink* what changed since *since*, and all that changes from now on, until the result is called."""
        watched = self._get(make)
        self._numbers += 1
        number = self._numbers
        watched.channel.fill(self.system, self._render)
        watched.version = watched.version or watched.channel.document.version
        sink(self._encode(watched.channel, watched.channel.document.changes(since) or {}))
        watched.sinks[number] = sink
        # What the others have not been told yet comes with the next message, to this one too: it bears that.
        return lambda: self._leave(watched, number)

    def _leave(self, watched: _Watched, number: int) -> None:
        watched.sinks.pop(number, None)
        watched.asked_at = time.monotonic()

    def _get(self, make: Callable[[], Channel]) -> _Watched:
        made = make()
        key = made.name, made.argument
        watched = self._open.get(key)
        if watched is None:
            watched = self._open[key] = _Watched(made)
            watched.task = asyncio.get_running_loop().create_task(self._follow(made))
        watched.asked_at = time.monotonic()
        self._tune()
        return watched

    async def _follow(self, channel: Channel) -> None:
        try:
            await channel.follow(self.sync.ask, self.system, self.changed)
        except Exception:  # a stranger's page may be behind it
            logger.exception("page %s", channel.key)

    def _tune(self) -> None:
        """Have the daemon looked at as closely as somebody looks at us."""
        wanted = {res_name(w.channel.wanted) for w in self._open.values() if w.channel.wanted is not None}
        self.sync.watch(is_watched=bool(self._open), wanted=wanted)

    # Telling

    async def _tell(self) -> None:
        while True:
            started = time.monotonic()
            self._forget(started)
            for watched in list(self._open.values()):
                if watched.sinks:
                    self._tell_one(watched)
            took = time.monotonic() - started
            await asyncio.sleep(max(_SPACING, took / _MAX_SHARE))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD):
                    await self._changed.wait()
                await asyncio.sleep(_SETTLE)
            self._changed.clear()

    def _tell_one(self, watched: _Watched) -> None:
        watched.channel.fill(self.system, self._render)
        changes = watched.channel.document.changes(watched.version)
        if changes is None and watched.was_up == self.system.is_up:
            return
        watched.was_up = self.system.is_up
        watched.version = changes["v"] if changes else watched.version
        text = self._encode(watched.channel, changes or {})
        for sink in list(watched.sinks.values()):
            sink(text)

    def _encode(self, channel: Channel, changes: Message) -> str:
        system = self.system
        state = {"c": channel.key, "up": system.is_up, "t": round(system.clock(), 2)}
        if not system.is_up:
            state["why"] = system.why_down
        return json.dumps({**state, **changes}, separators=(",", ":"))

    def _forget(self, now: float) -> None:
        for key, watched in list(self._open.items()):
            if not watched.is_looked_at(now):
                del self._open[key]
                if watched.task is not None:
                    watched.task.cancel()
                self._tune()
