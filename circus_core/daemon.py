"""A whole daemon on one event loop: arbiter, controller and publisher, until it is told to quit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from socket import socket as Socket
from typing import Any, Final

import zmq

from circus_core.arbiter import Arbiter
from circus_core.companions import with_companions
from circus_core.config import Config
from circus_core.controller import Controller
from circus_core.discovery import Discovery
from circus_core.endpoints import give_to
from circus_core.errors import CircusError
from circus_core.estate import Estate, Left
from circus_core.events import Event
from circus_core.faces import Bare, Faces
from circus_core.hooks import Hooks
from circus_core.interfaces import Command
from circus_core.options import CircusConfig
from circus_core.output import Pump, open_journal
from circus_core.pacing import longest_delay
from circus_core.publisher import Publisher
from circus_core.records import End
from circus_core.registry import Registry
from circus_core.services import Children, Services
from circus_core.sockets import ManagedSocket, SocketSet, resolve
from circus_core.spawner import Spawner
from circus_core.threads import in_thread

logger: Final = logging.getLogger("circus")

_ENDPOINTS: Final = ("endpoint", "pubsub_endpoint", "endpoint_owner", "multicast_endpoint")
_KILL_LIMIT: Final = 1.0  #: seconds


class Daemon:
    """Serves a configuration; a restart inside it keeps the pid, and endpoints that stay the same.

    :param load: reads the configuration anew, for reloads and restarts
    :param reopen_logs: opens log files anew
    :param on_stopping: called when it begins to stop for good
    :param context: a ZeroMQ context of the caller's; without one it has its own, once it has an endpoint
    :param sockets: managed sockets that the caller has bound, by name; they stay the caller's
    :param hooks: those of the registry's hookimpls, where they are made already
    :param estate: what *left* was read by
    :param left: what the arbiter before left, to go on from
    :param faces: stands for arbiter and watchers where hooks of watchers meet them
    """

    def __init__(
        self,
        config: Config,
        *,
        spawner: Spawner,
        registry: Registry,
        load: Callable[[], Config],
        reopen_logs: Callable[[], None] = lambda: None,
        on_stopping: Callable[[], None] = lambda: None,
        context: zmq.Context[Any] | None = None,
        sockets: Mapping[str, Socket] | None = None,
        faces: Faces | None = None,
        hooks: Hooks | None = None,
        estate: Estate | None = None,
        left: Left | None = None,
    ) -> None:
        self._config = config
        self._spawner = spawner
        self._registry = registry
        self._load = load
        self._reopen_logs = reopen_logs
        self._on_stopping = on_stopping
        self._context = context
        self._own_context: zmq.Context[Any] | None = None
        self._given = dict(sockets or {})
        self._faces = faces or Bare()
        self._pump = Pump(journal=open_journal(spawner))
        self._hooks = hooks or Hooks(registry)
        self._children = Children()
        self._sockets = SocketSet(spawner)
        self._estate = estate or Estate(spawner)
        self._left = left
        self._takes_over = left is not None
        self._controller: Controller | None = None
        self._publisher: Publisher | None = None
        self._discovery: Discovery | None = None
        self._arbiter: Arbiter | None = None
        self._is_quitting = False
        self._ended: asyncio.Future[End] | None = None

    @property
    def arbiter(self) -> Arbiter:
        """The arbiter of now; a restart makes another one."""
        assert self._arbiter is not None
        return self._arbiter

    @property
    def publisher(self) -> Publisher | None:
        """What publishes events; ``None`` without an endpoint for them."""
        return self._publisher

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to quit; cancelled, kill what runs and return.

        :param on_ready: called once everything is bound, before the first process is started
        :raises CircusError: an address cannot be had; nothing was started
        """
        try:
            await self._serve(on_ready)
        except asyncio.CancelledError:
            await self._kill_all()
            await self._close()
            raise
        except Exception as exc:
            # All that is open stays open for the next arbiter, unless this one is the first and cannot start.
            if not self._spawner.is_durable or (isinstance(exc, CircusError) and not self._takes_over):
                await self._close()
            raise
        await self._close()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        self._hooks.notify("circus_config_read", config=self._config)
        self._ended = asyncio.get_running_loop().create_future()
        await self._spawner.open(self._children.told)
        await self._bind_endpoints()
        await self._make_arbiter()
        self._pump.resume()
        self._pump.start()
        on_ready()
        await self._begin()
        while await self._ended is not End.QUIT:
            self._ended = asyncio.get_running_loop().create_future()
            await self._begin_again()

    def keeper_replaced(self, pid: int) -> None:
        """Tell that another keeper, with that pid, is circusd from now on."""
        if self._arbiter is not None:
            self._arbiter.keeper_replaced(pid)

    def quit(self) -> None:
        """Stop everything, then have :meth:`run` return; also in the middle of a restart."""
        self._is_quitting = True
        self.arbiter.quit()

    def reload(self) -> None:
        """Reload all watchers, gracefully."""
        self.arbiter.reload_watchers()

    def reopen_logs(self) -> None:
        """Open log files and the targets of streams anew."""
        self.arbiter.reopen_logs()

    def _report_extensions(self) -> None:
        """Load what is loaded at start, and log what is broken or missing."""
        self._registry.commands()
        for problem in self._registry.problems():
            logger.warning("%s", problem)
        for sentence in self._registry.missing():
            logger.error("%s", sentence)

    async def _begin(self) -> None:
        self._hooks.notify("circus_daemon_starting", arbiter=self.arbiter)
        left, self._left = self._left, None
        if left is None:
            self.arbiter.start_watchers()
        else:
            self.arbiter.resume(left)
        # The commands take 30 ms to load: processes are not kept waiting for that, only the first message is.
        await in_thread(self._report_extensions)
        if self._controller is not None:
            self._controller.open(self.arbiter, self.veto)

    async def _make_arbiter(self) -> None:
        # What was complete stays as it was, whatever extensions would add by now.
        config = self._complete(self._config) if self._left is None else self._config
        await self._open_sockets(config)
        services = Services(
            spawner=self._spawner,
            estate=self._estate,
            pump=self._pump,
            registry=self._registry,
            hooks=self._hooks,
            sockets=self._sockets,
            publish=self._publish,
            check_delay=longest_delay(self._config.circus.check_delay),
            children=self._children,
            faces=self._faces,
        )
        old, self._arbiter = (
            self._arbiter,
            Arbiter(
                config,
                services,
                endpoint=self._controller.endpoint.address if self._controller else "",
                pubsub_endpoint=self._publisher.endpoint.address if self._publisher else "",
                load=lambda: self._complete(self._load()),
                on_end=self._end,
                reopen_logs=self._reopen_logs,
                on_stopping=self._on_stopping,
                left=self._left,
            ),
        )
        if old is not None:
            old.forget()
        self._faces.arbiter_made(self._arbiter)

    def _complete(self, config: Config) -> Config:
        return with_companions(
            config,
            self._hooks,
            endpoint=self._controller.endpoint.address if self._controller else "",
            pubsub_endpoint=self._publisher.endpoint.address if self._publisher else "",
        )

    async def _open_sockets(self, config: Config) -> None:
        self._sockets.recover()
        if self._left is not None:
            return  # a reload that was under way opens and closes the others
        self._sockets.keep_only(config.sockets)
        given = [socket for socket in config.sockets if socket.name in self._given]
        others = [
            socket for socket in config.sockets if socket.name not in self._given and socket.name not in self._sockets
        ]
        self._sockets.open(others, await in_thread(resolve, others))
        self._sockets.adopt(ManagedSocket(socket, bound=self._given[socket.name]) for socket in given)

    async def _begin_again(self) -> None:
        """Start anew from the configuration that the restart read before anything was stopped."""
        old = self._config
        if self._controller is not None:
            self._pump.rings.wake()
            await self._controller.pause()
        await self.arbiter.close()
        self._sockets.close()
        await self._spawner.sync()
        try:
            await self._change_to(self.arbiter.full_config)
        except CircusError as exc:
            logger.error("the new configuration cannot be used, the old one is started again:\n%s", exc)
            await self._change_to(old)
        if self._is_quitting:
            self._end(End.QUIT)
        else:
            await self._begin()

    async def _change_to(self, config: Config) -> None:
        self._hooks.notify("circus_config_read", config=config)
        old, self._config = self._config, config
        if any(getattr(old.circus, name) != getattr(config.circus, name) for name in _ENDPOINTS):
            self._close_endpoints()
            await self._spawner.sync()
            await self._bind_endpoints(is_again=True)
        await self._make_arbiter()

    async def _bind_endpoints(self, *, is_again: bool = False) -> None:
        circus: CircusConfig = self._config.circus
        if circus.pubsub_endpoint:
            self._publisher = Publisher(self._zmq(), self._spawner)
            await self._publisher.endpoint.bind(circus.pubsub_endpoint, is_again=is_again)
            self._publisher.open()
        if not circus.endpoint:
            return
        self._controller = Controller(self._zmq(), self._spawner, self._estate)
        await self._controller.endpoint.bind(circus.endpoint, is_again=is_again)
        if circus.endpoint_owner:
            give_to(self._controller.endpoint.address, circus.endpoint_owner)
        self._discovery = Discovery(circus.multicast_endpoint, self._controller.endpoint.address)
        self._discovery.open()

    def _zmq(self) -> zmq.Context[Any]:
        if self._context is not None:
            return self._context
        self._own_context = self._own_context or zmq.Context()
        return self._own_context

    def _close_endpoints(self) -> None:
        for endpoint in (self._discovery, self._controller, self._publisher):
            if endpoint is not None:
                endpoint.close()
        self._discovery = self._controller = self._publisher = None

    async def _close(self) -> None:
        if self._controller is not None:
            self._pump.rings.wake()
            await self._controller.pause()
        if self._arbiter is not None:
            await self._arbiter.close()
        self._sockets.close()
        self._close_endpoints()
        self._estate.flush()
        await self._spawner.close()
        await in_thread(self._pump.stop)
        if self._own_context is not None:
            await in_thread(self._own_context.term)

    async def _kill_all(self) -> None:
        """Leave no process of a watcher behind: nobody will wait for their graceful ends."""
        if self._arbiter is None:
            return
        pids = set()
        for watcher in self._arbiter.watchers():
            pids |= {process.pid for process in watcher.processes()}
            watcher.abandon()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        limit = time.monotonic() + _KILL_LIMIT
        while pids & {child.spawned.pid for child in self._spawner.children()} and time.monotonic() < limit:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.005)

    def _end(self, end: End) -> None:
        assert self._ended is not None
        self._ended.set_result(end)

    def _publish(self, event: Event) -> None:
        if self._publisher is not None:
            self._publisher.publish(event)
        if self._hooks.has("circus_event_published"):
            self._hooks.notify("circus_event_published", event=event)

    def veto(self, command: Command[Any], args: Any) -> str | None:
        """Return why an extension refuses a command."""
        if not self._hooks.has("circus_before_command"):
            return None
        opinions = self._hooks.vote("circus_before_command", arbiter=self.arbiter, command=command.name, args=args)
        # An extension that is broken must not let everybody in.
        return str(opinions[0]) if opinions else None
