"""A whole daemon on one event loop: arbiter, controller and publisher, until it is told to quit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from socket import socket as Socket
from typing import TYPE_CHECKING, Any, Final

from circus_core import deferred
from circus_core._execution import objection
from circus_core._upgrades import Upgrader, Upgrades
from circus_core.arbiter import Arbiter
from circus_core.changes import PendingChange
from circus_core.companions import with_companions
from circus_core.config import Config
from circus_core.errors import CircusError, StateError
from circus_core.estate import Estate, Left
from circus_core.events import Event
from circus_core.faces import Bare, Faces
from circus_core.frontend import Frontend
from circus_core.hooks import Hooks
from circus_core.interfaces import Command
from circus_core.output import Pump, keep_rings, open_journal, take_rings
from circus_core.pacing import longest_delay
from circus_core.records import End, Handover, load_label
from circus_core.registry import Registry
from circus_core.services import Children, Services
from circus_core.sockets import ManagedSocket, SocketSet, resolve
from circus_core.spawner import Spawner
from circus_core.threads import in_thread

if TYPE_CHECKING:
    import zmq

    from circus_core.publisher import Publisher

logger: Final = logging.getLogger("circus")

_ENDPOINTS: Final = ("endpoint", "pubsub_endpoint", "endpoint_owner", "multicast_endpoint")
_KILL_LOOKS: Final = 200  #: so often, 5 ms after each other: by the clock, a machine that is held up would leave some
_UNASKED: Final = 1.0  #: seconds of its start after which it answers though nobody has asked
_SUSPEND_LIMIT: Final = 1.0  #: seconds that a stream which hangs may hold up an upgrade


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
    :param upgrader: puts another arbiter in the place of this one
    :param answers_late: what answers clients is loaded when one comes or all has started: that starts sooner
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
        upgrader: Upgrader | None = None,
        answers_late: bool = False,
    ) -> None:
        self._config = config
        self._spawner = spawner
        self._registry = registry
        self._load = load
        self._reopen_logs = reopen_logs
        self._on_stopping = on_stopping
        self._given = dict(sockets or {})
        self._faces = faces or Bare()
        self._pump = Pump(journal=open_journal(spawner), rings=take_rings(spawner) if left else None)
        self._hooks = hooks or Hooks(registry)
        self._children = Children()
        self._sockets = SocketSet(spawner)
        self._estate = estate or Estate(spawner)
        self._frontend = Frontend(spawner, self._estate, context)
        self._answers_late = answers_late and left is None
        self._left = left
        self._upgrades = Upgrades(upgrader, self._estate, self)
        self._on_ready: Callable[[], None] = lambda: None
        self._stored: dict[str, bytes] = {}  # for the case that another arbiter fails
        self.is_replaced = False  #: another arbiter serves, and has everything
        self._takes_over = left is not None
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
        return self._frontend.publisher

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to quit; cancelled, kill what runs and return.

        :param on_ready: called once everything is bound, before the first process is started; again when an
            upgrade failed and this one goes on
        :raises CircusError: an address cannot be had; nothing was started
        """
        self._on_ready = on_ready
        try:
            await self._serve()
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

    async def _serve(self) -> None:
        self._hooks.notify("circus_config_read", config=self._config)
        self._ended = asyncio.get_running_loop().create_future()
        await self._open()
        while (end := await self._ended) is End.RESTART:
            self._ended = asyncio.get_running_loop().create_future()
            await self._begin_again()
        self.is_replaced = end is End.REPLACED

    async def _open(self) -> None:
        await self._spawner.open(self._children.told)
        await self._frontend.bind(self._config.circus)
        if not self._answers_late:
            self._frontend.answer()
        await self._make_arbiter()
        self._pump.resume()
        self._pump.start()
        self._on_ready()
        await self._begin()

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

    def _load_what_answers(self) -> None:
        """Load commands and what they come by, and log which extensions are broken or missing."""
        deferred.load()
        self._frontend.load()
        self._registry.commands()
        for problem in self._registry.problems():
            logger.warning("%s", problem)
        for sentence in self._registry.missing():
            logger.error("%s", sentence)

    async def _begin(self) -> None:
        self._hooks.notify("circus_daemon_starting", arbiter=self.arbiter)
        left, self._left = self._left, None
        if left is not None:
            self.arbiter.resume(left)
        elif self._answers_late:
            await self._until_asked(self.arbiter.start_watchers())
        else:
            self.arbiter.start_watchers()
        # Processes are not kept waiting for what takes 80 ms to load, only the first message is.
        await in_thread(self._load_what_answers)
        self._answers_late = False
        self._frontend.open(self.arbiter, self.veto)
        if left is not None and left.handover is not None and self._frontend.endpoint:
            self._upgrades.resume(left)
            self._frontend.replay(left.handover.messages)

    async def _until_asked(self, start: PendingChange) -> None:
        """Return when a client comes, all has started or is to end, or it takes too long."""
        assert self._ended is not None
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._frontend.knocked()),
            asyncio.ensure_future(start),
        ]
        try:
            await asyncio.wait([self._ended, *waits], timeout=_UNASKED, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

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
            publish=self.publish,
            check_delay=longest_delay(self._config.circus.check_delay),
            children=self._children,
            faces=self._faces,
        )
        old, self._arbiter = (
            self._arbiter,
            Arbiter(
                config,
                services,
                endpoint=self._frontend.endpoint,
                pubsub_endpoint=self._frontend.pubsub_endpoint,
                load=lambda: self._complete(self._load()),
                on_end=self._end,
                reopen_logs=self._reopen_logs,
                on_stopping=self._on_stopping,
                upgrade=self._upgrades.ask,
                left=self._left,
            ),
        )
        if old is not None and self._left is None:
            old.forget()
        self._faces.arbiter_made(self._arbiter)

    def _complete(self, config: Config) -> Config:
        return with_companions(
            config,
            self._hooks,
            endpoint=self._frontend.endpoint,
            pubsub_endpoint=self._frontend.pubsub_endpoint,
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
        self._pump.rings.wake()
        await self._frontend.pause()
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
            self._frontend.close()
            await self._spawner.sync()
            await self._frontend.bind(config.circus, is_again=True)
            self._frontend.answer()
        await self._make_arbiter()

    async def let_go(self, asked_by: str) -> None:
        """Let go of everything that another arbiter gets; what is under way is stored for it."""
        self._takes_over = True  # from now on there is something to take over from
        self._pump.rings.wake()
        messages = self._frontend.hold()
        await self.arbiter.close()
        await in_thread(self._pump.suspend, _SUSPEND_LIMIT)
        keep_rings(self._spawner, self._pump.rings)
        for _ in range(10):  # what comes while this is stored has to be stored too
            self._estate.hand_over(Handover(messages=tuple(messages), asked_by=asked_by))
            late = self._frontend.waiting()
            if not late:
                break
            messages += late
        self._stored = self._spawner.stored_state()
        self._frontend.let_go()
        self._sockets.let_go()

    async def take_back(self) -> None:
        """Go on from what is stored, as another arbiter would."""
        try:
            self._left = self._estate.read()
        except StateError as exc:
            logger.warning("upgrade: what the other arbiter stored cannot be read (%s): what it changed is lost", exc)
            void = dict.fromkeys(self._spawner.stored_state(), b"")
            self._spawner.store_states(void | self._stored)
            self._left = self._estate.read()
        assert self._left is not None
        self._left = replace(self._left, upgrade=self.arbiter.last_upgrade)
        self._config = self._left.base
        self._pump = Pump(journal=open_journal(self._spawner), rings=self._pump.rings)
        keep_rings(self._spawner, None)
        self._children = Children()
        await self._open()

    async def _close(self) -> None:
        await self._upgrades.close()
        self._pump.rings.wake()
        await self._frontend.pause()
        if self._arbiter is not None:
            await self._arbiter.close()
        self._sockets.close()
        self._frontend.close()
        self._estate.flush()
        await self._spawner.close()
        await in_thread(self._pump.stop)
        await self._frontend.end()

    async def _kill_all(self) -> None:
        """Leave no process of a watcher behind: nobody will wait for their graceful ends."""
        watchers = {watcher.key: watcher for watcher in (self._arbiter.watchers() if self._arbiter else ())}
        for watcher in watchers.values():
            watcher.abandon()
        for _ in range(_KILL_LOOKS):
            left = [c for c in self._spawner.children() if c.exited is None and load_label(c.label).key in watchers]
            for child in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child.spawned.pid, signal.SIGKILL)
            if not left and not any(watcher.is_at_work for watcher in watchers.values()):  # it may be spawning one
                return
            await asyncio.sleep(0.005)

    def _end(self, end: End) -> None:
        assert self._ended is not None
        self._ended.set_result(end)

    def leave(self, failure: Exception | None) -> None:
        """End, since another arbiter has everything, or has to have it because of a *failure*."""
        if failure is None:
            self._end(End.REPLACED)
        elif self._ended is not None:
            self._ended.set_exception(failure)

    def publish(self, event: Event) -> None:
        """Send an event to whoever is subscribed, and to hooks."""
        self._frontend.publish(event)
        if self._hooks.has("circus_event_published"):
            self._hooks.notify("circus_event_published", event=event)

    def veto(self, command: Command[Any], args: Any) -> str | None:
        """Return why an extension refuses a command."""
        return objection(self._hooks, self.arbiter, command, args)
