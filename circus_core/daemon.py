"""A whole daemon on one event loop: arbiter, controller and publisher, until it is told to quit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import zmq

from circus_core.arbiter import Arbiter, End
from circus_core.config import Config
from circus_core.controller import Controller
from circus_core.discovery import Discovery
from circus_core.endpoints import give_to
from circus_core.errors import CircusError
from circus_core.events import Event
from circus_core.hooks import Hooks
from circus_core.interfaces import Command
from circus_core.options import CircusConfig
from circus_core.output import Pump
from circus_core.pacing import longest_delay
from circus_core.publisher import Publisher
from circus_core.registry import Registry
from circus_core.services import Children, Services
from circus_core.sockets import SocketSet, resolve
from circus_core.spawner import Spawner

logger: Final = logging.getLogger("circus")

_ENDPOINTS: Final = ("endpoint", "pubsub_endpoint", "endpoint_owner", "multicast_endpoint")


class Daemon:
    """Serves a configuration; a restart inside it keeps the pid, and endpoints that stay the same.

    :param load: reads the configuration anew, for reloads and restarts
    :param reopen_logs: opens log files anew
    :param on_stopping: called when it begins to stop for good
    :param context: a ZeroMQ context of the caller's; without one it has its own
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
    ) -> None:
        self._config = config
        self._spawner = spawner
        self._registry = registry
        self._load = load
        self._reopen_logs = reopen_logs
        self._on_stopping = on_stopping
        self._context = context or zmq.Context()
        self._owns_context = context is None
        self._pump = Pump()
        self._hooks = Hooks(registry)
        self._children = Children()
        self._sockets = SocketSet(spawner)
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

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until told to quit.

        :param on_ready: called once everything is bound, before the first process is started
        :raises CircusError: an address cannot be had; nothing was started
        """
        self._report_extensions()
        self._hooks.notify("circus_config_read", config=self._config)
        try:
            self._pump.start()
            self._ended = asyncio.get_running_loop().create_future()
            await self._spawner.open(self._children.told)
            await self._bind_endpoints()
            await self._make_arbiter()
            on_ready()
            self._begin()
            while await self._ended is not End.QUIT:
                self._ended = asyncio.get_running_loop().create_future()
                await self._begin_again()
        finally:
            await self._close()

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

    def _begin(self) -> None:
        assert self._controller is not None
        self._controller.open(self.arbiter, self._veto)
        self._hooks.notify("circus_daemon_starting", arbiter=self.arbiter)
        self.arbiter.start_watchers()

    async def _make_arbiter(self) -> None:
        configs = self._config.sockets
        self._sockets.open(configs, await asyncio.to_thread(resolve, configs))
        services = Services(
            spawner=self._spawner,
            pump=self._pump,
            registry=self._registry,
            hooks=self._hooks,
            sockets=self._sockets,
            publish=self._publish,
            check_delay=longest_delay(self._config.circus.check_delay),
            children=self._children,
        )
        assert self._controller is not None
        assert self._publisher is not None
        self._arbiter = Arbiter(
            self._config,
            services,
            endpoint=self._controller.endpoint.address,
            pubsub_endpoint=self._publisher.endpoint.address,
            load=self._load,
            on_end=self._end,
            reopen_logs=self._reopen_logs,
            on_stopping=self._on_stopping,
        )

    async def _begin_again(self) -> None:
        """Start anew from the configuration that the restart read before anything was stopped."""
        old = self._config
        assert self._controller is not None
        await self._controller.pause()
        await self.arbiter.close()
        self._sockets.close()
        try:
            await self._change_to(self.arbiter.full_config)
        except CircusError as exc:
            logger.error("the new configuration cannot be used, the old one is started again:\n%s", exc)
            await self._change_to(old)
        if self._is_quitting:
            self._end(End.QUIT)
        else:
            self._begin()

    async def _change_to(self, config: Config) -> None:
        self._hooks.notify("circus_config_read", config=config)
        old, self._config = self._config, config
        if any(getattr(old.circus, name) != getattr(config.circus, name) for name in _ENDPOINTS):
            self._close_endpoints()
            await self._bind_endpoints(is_again=True)
        await self._make_arbiter()

    async def _bind_endpoints(self, *, is_again: bool = False) -> None:
        circus: CircusConfig = self._config.circus
        self._publisher = Publisher(self._context)
        self._controller = Controller(self._context)
        await self._publisher.endpoint.bind(circus.pubsub_endpoint, is_again=is_again)
        await self._controller.endpoint.bind(circus.endpoint, is_again=is_again)
        if circus.endpoint_owner:
            give_to(self._controller.endpoint.address, circus.endpoint_owner)
        self._discovery = Discovery(circus.multicast_endpoint, self._controller.endpoint.address)
        self._discovery.open()

    def _close_endpoints(self) -> None:
        for endpoint in (self._discovery, self._controller, self._publisher):
            if endpoint is not None:
                endpoint.close()
        self._discovery = self._controller = self._publisher = None

    async def _close(self) -> None:
        if self._controller is not None:
            await self._controller.pause()
        if self._arbiter is not None:
            await self._arbiter.close()
        self._sockets.close()
        self._close_endpoints()
        await self._spawner.close()
        await asyncio.to_thread(self._pump.stop)
        if self._owns_context:
            await asyncio.to_thread(self._context.term)

    def _end(self, end: End) -> None:
        assert self._ended is not None
        self._ended.set_result(end)

    def _publish(self, event: Event) -> None:
        assert self._publisher is not None
        self._publisher.publish(event)
        if self._hooks.has("circus_event_published"):
            self._hooks.notify("circus_event_published", event=event)

    def _veto(self, command: Command[Any], args: Any) -> str | None:
        if not self._hooks.has("circus_before_command"):
            return None
        opinions = self._hooks.vote("circus_before_command", arbiter=self.arbiter, command=command.name, args=args)
        # An extension that is broken must not let everybody in.
        return str(opinions[0]) if opinions else None
