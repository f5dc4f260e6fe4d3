"""A running console: its door, its extensions, the daemons that it looks at."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import zmq

from circus_core.errors import CallError
from circus_core.quick_dataclass import dataclass
from circus_core.registry import Registry
from circus_web.asker import AskError
from circus_web.channels import CHANNELS, Channel
from circus_web.controller import Controller
from circus_web.door import Door
from circus_web.extensions import Extensions
from circus_web.feed import Feed, Sink, Snapshot
from circus_web.loop_thread import LoopThread
from circus_web.page_channels import RenderedChannel
from circus_web.register import Register, RegisterError
from circus_web.settings import Settings
from circus_web.templates import Templates
from circus_web.view import DaemonView

logger: Final = logging.getLogger("circus.console")

SLUGS: Final = frozenset(
    {
        *("login", "logout", "connect", "disconnect", "watcher", "add", "events", "output", "options"),
        *("do", "live", "rest", "poll", "history", "media"),
    }
)
"""First words of our own addresses."""

_WAIT: Final = 4.0  #: seconds that a page waits for the first look at a daemon
_STUCK: Final = 15.0  #: seconds after which something in the console itself is wrong


class UnknownChannelError(Exception):
    """No page has such a live part."""


@dataclass(slots=True)
class Target:
    """A daemon that may be looked at."""

    controller: Controller
    feed: Feed
    task: asyncio.Task[None]


class Console:
    """Everything that serves browsers but the server itself. For any thread.

    :param address: where it listens, as text
    :param folder: where consoles of one user keep what they share
    """

    def __init__(self, settings: Settings, *, address: str, folder: Path | None) -> None:
        self.settings = settings
        self.register = _open_register(folder)
        self.door = Door(settings, self.register, address=address)
        self.templates = Templates(readonly=settings.readonly)
        self.extensions = Extensions(Registry(settings.disabled), SLUGS)
        self.loop = LoopThread()
        self._lock = threading.Lock()
        self._context: zmq.Context[Any] | None = None
        self._targets: dict[str, Target] = {}

    def target(self, endpoint: str) -> Target:
        """Return the daemon at *endpoint*, followed from now on."""
        with self._lock:
            if endpoint not in self._targets:
                if self._context is None:
                    self._context = zmq.Context()
                self._targets[endpoint] = self.loop.call(self._open(endpoint, self._context), _STUCK)
            return self._targets[endpoint]

    def follow(self) -> None:
        """Look at every daemon from now on: whoever comes later finds a history, and what went wrong meanwhile."""
        for endpoint in self.settings.endpoints:
            try:
                self.target(endpoint)
            except CallError as exc:
                logger.warning("%s", exc)

    def controller(self, endpoint: str) -> Controller:
        """Return what calls the daemon at *endpoint*."""
        return self.target(endpoint).controller

    def is_up(self, endpoint: str) -> bool:
        """Return whether the daemon answers, waiting for the first look at it."""
        return self.loop.call(self.target(endpoint).feed.until_known(_WAIT), _STUCK)

    def need(self, endpoint: str) -> None:
        """Refuse to go on without the daemon.

        :raises CallError: it does not answer
        """
        if not self.is_up(endpoint):
            raise CallError(str(self.read(endpoint, lambda feed: feed.system.why_down)))

    def read(self, endpoint: str, read: Callable[[Feed], Any]) -> Any:
        """Return what *read* makes of the feed, on its loop."""
        feed = self.target(endpoint).feed

        async def on_loop() -> Any:
            return read(feed)

        return self.loop.call(on_loop(), _STUCK)

    def learn(self, endpoint: str) -> None:
        """Return once all is known that the daemon did before this call.

        :raises CallError: it does not answer
        """
        try:
            self.loop.call(self.target(endpoint).feed.sync.learn(), _STUCK)
        except AskError as exc:
            raise CallError(str(exc)) from exc

    def look(self, endpoint: str, channel: str) -> Snapshot:
        """Return the live part of a page as it is now.

        :raises UnknownChannelError: there is none of that name
        """
        feed = self.target(endpoint).feed
        return self.loop.call(feed.look(self.maker(endpoint, channel)), _STUCK)

    def poll(self, endpoint: str, channel: str, since: str) -> str:
        """Return what changed since a version, as JSON.

        :raises UnknownChannelError: there is none of that name
        """
        feed = self.target(endpoint).feed
        return self.loop.call(feed.poll(self.maker(endpoint, channel), since), _STUCK)

    def watch(self, endpoint: str, channel: str, since: str, sink: Sink) -> Callable[[], None]:
        """Tell *sink*, on the loop of the feeds, what changed since a version, until the result is called.

        :raises UnknownChannelError: there is no such channel
        """
        feed = self.target(endpoint).feed
        make = self.maker(endpoint, channel)

        async def on_loop() -> Callable[[], None]:
            return feed.watch(make, since, sink)

        leave = self.loop.call(on_loop(), _STUCK)
        return lambda: self.loop.post(leave)

    def maker(self, endpoint: str, key: str) -> Callable[[], Channel]:
        """Return what makes the channel that browsers know as *key*.

        :raises UnknownChannelError: there is none of that name
        """
        name, _, argument = key.partition(":")
        if name in CHANNELS:
            return lambda: CHANNELS[name](argument)
        if name != "part":
            raise UnknownChannelError(name)
        part_name, _, watcher = argument.partition(":")
        part = self.extensions.pages.get(part_name) or self.extensions.panels.get(part_name)
        if part is None:
            raise UnknownChannelError(part_name)
        target = self.target(endpoint)
        view = lambda: DaemonView(target.feed.system, target.controller, self.templates, watcher or None)  # noqa: E731
        return lambda: RenderedChannel(part_name, part, watcher, view)

    def close(self) -> None:
        """Let go of everything. May be called twice."""
        self.loop.close()
        with self._lock:
            targets, self._targets = self._targets, {}
            context, self._context = self._context, None
        for target in targets.values():
            target.controller.close()
        if context is not None:
            context.destroy(linger=0)

    async def _open(self, endpoint: str, context: zmq.Context[Any]) -> Target:
        feed = Feed(endpoint, context, self.settings, self.templates)
        task = asyncio.get_running_loop().create_task(feed.run())
        task.add_done_callback(_ended)
        return Target(Controller(endpoint, context, self.settings), feed, task)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("internal error", exc_info=task.exception())


def _open_register(folder: Path | None) -> Register:
    try:
        return Register(folder)
    except RegisterError as exc:
        logger.warning("%s; links and sessions end with this console, and circusctl console-link finds it not", exc)
        return Register(None)
