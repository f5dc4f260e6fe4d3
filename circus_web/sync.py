"""Keeps what is known of a daemon in step with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import zmq

from circus_core.client import connect
from circus_core.errors import CallError
from circus_core.events import res_name
from circus_core.threads import in_thread
from circus_web.addresses import seen_from
from circus_web.asker import Asker, AskError
from circus_web.inbox import Inbox
from circus_web.settings import Settings
from circus_web.system import System

logger: Final = logging.getLogger("circus.console")

_QUICK: Final = 2.0  #: seconds between two looks at the daemon while somebody looks at us
_SOON: Final = 0.3  #: seconds between two looks while processes are on their way out
_SLOW: Final = 15.0  #: seconds between two samples while nobody does
_SETTLE: Final = 0.05  #: seconds to wait for more events before asking about one
_RETRY: Final = 1.0  #: seconds between two tries to reach a daemon that is gone
_STATS_SILENT: Final = 3.5  #: seconds without statistics after which they are asked for
_TABLE_TIMEOUT: Final = 60.0  #: seconds; the table of thousands of processes takes an old daemon long
_FEW: Final = 8


class Sync:
    """Follows one daemon: replies, events, statistics. Lives on an event loop; :meth:`run` until cancelled.

    :param on_change: called when something changed
    """

    def __init__(
        self, system: System, context: zmq.Context[Any], settings: Settings, on_change: Callable[[], None]
    ) -> None:
        self.system = system
        self._context = context
        self._settings = settings
        self._on_change = on_change
        self._asker: Asker | None = None
        self._connecting = asyncio.Lock()
        self._events: Inbox | None = None
        self._stats: Inbox | None = None
        self._stats_endpoint = ""
        self._stats_seen_at = 0.0
        self._is_watched = False
        self._wanted: set[str] = set()
        self._stale: set[str] = set()
        self._is_all_stale = False
        self._is_table_wanted = False
        self._status_due = asyncio.Event()
        self._table_due = asyncio.Event()
        self.looked = asyncio.Event()  #: set once it is known whether the daemon answers

    async def run(self) -> None:
        """Follow the daemon, through its restarts, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_status())
                group.create_task(self._follow_table())
        finally:
            if self._asker is not None:
                self._asker.close()
            self._unsubscribe()

    def watch(self, *, is_watched: bool, wanted: set[str]) -> None:
        """Look closely while somebody looks at us; *wanted* are the watchers whose processes they look at."""
        self._wanted = wanted
        if is_watched != self._is_watched:
            self._is_watched = is_watched
            self._status_due.set()
            self._table_due.set()
            if not is_watched and self._stats is not None:
                self._stats.close()
                self._stats = None

    async def ask(self, command: str, **props: Any) -> dict[str, Any]:
        """Ask the daemon.

        :raises AskError: it cannot be reached, no reply in time, or an error reply
        """
        async with self._connecting:
            if self._asker is None:
                try:
                    self._asker = Asker(await self._connect(zmq.DEALER, self.system.endpoint), self.system.endpoint)
                except CallError as exc:
                    raise AskError(str(exc)) from exc
        return await self._asker.ask(command, **props)

    async def learn(self) -> None:
        """Ask the daemon now which watchers there are, and return once that is known.

        :raises AskError: no reply in time, or an error reply
        """
        self.system.take_status(await self.ask("status", long=True))
        self._on_change()

    def refresh(self) -> None:
        """Ask the daemon about everything soon."""
        self._is_all_stale = True
        self._status_due.set()

    # Status

    async def _follow_status(self) -> None:
        while True:
            took = await _timed(self._look())
            if not self.system.is_up:
                await _wait(self._status_due, _RETRY)
                continue
            usual = _QUICK if self._is_watched else _SLOW
            pause = max(_SOON if self._is_watched and self.system.leaving() else usual, 50 * took)
            if await _wait(self._status_due, pause):
                await asyncio.sleep(max(_SETTLE, min(_QUICK, 10 * took)))

    async def _look(self) -> None:
        """Ask about what may have changed, or about everything."""
        stale, self._stale = self._stale, set()
        try:
            await self._subscribe_stats()
            if not self.system.is_up:
                await self._begin()
            elif stale and len(stale) <= _FEW and not self._is_all_stale:
                for name in stale:
                    await self._look_at(name)
            else:
                self._is_all_stale = False
                self.system.take_status(await self.ask("status", long=True))
                await self._take_sockets()
            await self._see_off()
        except AskError as exc:
            if self.system.is_up or self.system.why_down != str(exc):
                logger.info("%s: %s", self.system.endpoint, exc)
            self.system.is_up, self.system.why_down = False, str(exc)
        self.looked.set()
        self._on_change()

    async def _look_at(self, name: str) -> None:
        try:
            self.system.take_report(name, await self.ask("status", name=name, long=True))
        except AskError:
            self.refresh()  # it may have been removed

    async def _see_off(self) -> None:
        """Find out which of the processes that were told to end are gone."""
        leaving = self.system.leaving()
        if len(leaving) > _FEW:
            self._is_table_wanted = True
            self._table_due.set()
            return
        for watched in leaving:
            with contextlib.suppress(AskError):
                self.system.take_pids(watched, (await self.ask("list", name=watched.name))["pids"])

    async def _begin(self) -> None:
        """Learn everything of a daemon that was not there before."""
        options = (await self.ask("globaloptions", timeout=2.5))["options"]
        await self._subscribe(str(options.get("pubsub_endpoint") or ""), str(options.get("stats_endpoint") or ""))
        self.system.take_status(await self.ask("status", long=True))
        with contextlib.suppress(AskError):
            await self._take_sockets()
            self.system.take_table((await self.ask("stats"))["infos"])
        self.system.is_up = True
        logger.info("%s: connected", self.system.endpoint)

    async def _take_sockets(self) -> None:
        self.system.sockets = (await self.ask("listsockets")).get("sockets", [])

    # Processes

    async def _follow_table(self) -> None:
        """Ask for all processes: often when there are no statistics, rarely when nobody looks."""
        while True:
            took = 0.0
            if self.system.is_up and (self._is_table_wanted or not self._hears_stats()):
                took = await _timed(self._take_table())
            pause = (_QUICK, 20.0) if self._is_watched else (_SLOW, 100.0)
            await _wait(self._table_due, max(pause[0], pause[1] * took))

    async def _take_table(self) -> None:
        self._is_table_wanted = False
        try:
            reply = await self.ask("stats", timeout=_TABLE_TIMEOUT)
        except AskError:
            return  # the status shows it
        self.system.take_table(reply.get("infos", {}))
        self._on_change()

    def _hears_stats(self) -> bool:
        self.system.has_stats = time.monotonic() - self._stats_seen_at < _STATS_SILENT
        return self.system.has_stats

    # Events and statistics

    async def _subscribe(self, pubsub_endpoint: str, stats_endpoint: str) -> None:
        self._unsubscribe()
        if pubsub_endpoint:
            self._events = await self._open(pubsub_endpoint, "watcher.", self._take_events)
        self._stats_endpoint = stats_endpoint
        await self._subscribe_stats()

    async def _subscribe_stats(self) -> None:
        if self._is_watched and self._stats is None and self._stats_endpoint:
            self._stats = await self._open(self._stats_endpoint, "stat.", self._take_stats)

    def _unsubscribe(self) -> None:
        for inbox in (self._events, self._stats):
            if inbox is not None:
                inbox.close()
        self._events = self._stats = None

    async def _open(self, address: str, prefix: str, take: Callable[[list[list[bytes]]], None]) -> Inbox | None:
        try:
            socket = await self._connect(zmq.SUB, seen_from(self.system.endpoint, address))
        except CallError as exc:
            logger.warning("%s", exc)
            return None
        socket.setsockopt_string(zmq.SUBSCRIBE, prefix)
        return Inbox(socket, take)

    async def _connect(self, kind: int, address: str) -> zmq.Socket[Any]:
        """Return a socket that leads to *address*; a tunnel takes seconds, in which the loop goes on.

        :raises CallError: it cannot be reached
        """
        socket: zmq.Socket[Any] = self._context.socket(kind)
        socket.linger = 0
        ssh_server = self._settings.ssh_server
        try:
            if ssh_server is None:
                connect(socket, address)
            else:
                await in_thread(connect, socket, address, ssh_server, self._settings.ssh_keyfile)
        except CallError:
            socket.close(linger=0)
            raise
        return socket

    def _take_events(self, messages: list[list[bytes]]) -> None:
        for frames in messages:
            topic, details = _parse(frames)
            watched = self.system.take_event(topic, details)
            if watched is None:
                self._is_all_stale = True
            else:
                self._stale.add(watched.name)
                self._is_all_stale = self._is_all_stale or topic.endswith(".remove")
        self._status_due.set()
        self._on_change()

    def _take_stats(self, messages: list[list[bytes]]) -> None:
        self._stats_seen_at = time.monotonic()
        found = []
        for frames in messages:
            topic = frames[0][5:].decode("utf-8", "replace")
            name, _, subtopic = topic.rpartition(".")
            # Parsing is what costs; figures of processes that nobody looks at are left alone.
            if name in {"", "sockets", "circus"} or not subtopic.isdigit() or res_name(name) in self._wanted:
                found.append((topic, frames[-1]))
        if self.system.take_stats(_parse_all(found)):
            self._is_table_wanted = True
        self._on_change()


async def _timed(work: Coroutine[Any, Any, None]) -> float:
    """Await *work* and return how many seconds it took."""
    start = time.monotonic()
    await work
    return time.monotonic() - start


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Return whether *event* was set before *seconds* went by, and clear it."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    finally:
        event.clear()
    return True


def _parse_all(told: list[tuple[str, bytes]]) -> list[tuple[str, dict[str, Any]]]:
    """Return topics with what was told of them; all at once, which takes half the time of one by one."""
    try:
        found = json.loads(b"[%s]" % b",".join(body for _, body in told))
    except ValueError:
        found = []
    if len(found) != len(told) or not all(isinstance(details, dict) for details in found):
        return [(topic, _parse([b"", body])[1]) for topic, body in told]
    return [(topic, details) for (topic, _), details in zip(told, found, strict=True)]


def _parse(frames: list[bytes]) -> tuple[str, dict[str, Any]]:
    try:
        details = json.loads(frames[-1])
    except ValueError:
        details = {}
    return frames[0].decode("utf-8", "replace"), details if isinstance(details, dict) else {}
