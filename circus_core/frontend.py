"""Where clients come in: both endpoints, with the controller and the publisher behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from circus_core.discovery import Discovery
from circus_core.endpoints import Endpoint, give_to
from circus_core.estate import Estate
from circus_core.events import Event
from circus_core.options import CircusConfig
from circus_core.spawner import Spawner
from circus_core.threads import in_thread

if TYPE_CHECKING:
    import zmq

    from circus_core._execution import Veto
    from circus_core.controller import Controller
    from circus_core.interfaces import ArbiterHandle
    from circus_core.publisher import Publisher
    from circus_core.records import HeldMessage


class Frontend:
    """Binds the endpoints of a daemon, and answers at them once it is told to.

    Until then who connects waits in the kernel, and nobody is subscribed; so what answers needs to be loaded only
    when there is somebody to answer.

    :param spawner: keeps the listening sockets for the next arbiter
    :param estate: has stored what a command changed before the reply is sent
    :param context: a ZeroMQ context of the caller's; without one it has its own, once it has a socket
    """

    def __init__(self, spawner: Spawner, estate: Estate, context: zmq.Context[Any] | None = None) -> None:
        self._spawner = spawner
        self._estate = estate
        self._context = context
        self._own_context: zmq.Context[Any] | None = None
        self._commands: Endpoint | None = None
        self._events: Endpoint | None = None
        self._discovery: Discovery | None = None
        self.controller: Controller | None = None  #: ``None`` until it answers, or with no endpoint for commands
        self.publisher: Publisher | None = None  #: the same for events

    @property
    def endpoint(self) -> str:
        """Where commands are taken, as clients connect to it; empty for nowhere."""
        return self._commands.address if self._commands is not None else ""

    @property
    def pubsub_endpoint(self) -> str:
        """Where events are published, as clients connect to it; empty for nowhere."""
        return self._events.address if self._events is not None else ""

    async def bind(self, circus: CircusConfig, *, is_again: bool = False) -> None:
        """Bind what *circus* names.

        :param is_again: sockets of ours had the addresses a moment ago: wait for them
        :raises ConfigError: one cannot be had
        """
        if circus.pubsub_endpoint:
            self._events = Endpoint(self._make_xpub, "pubsub_endpoint", self._spawner)
            await self._events.bind(circus.pubsub_endpoint, is_again=is_again)
        if not circus.endpoint:
            return
        self._commands = Endpoint(self._make_router, "endpoint", self._spawner)
        await self._commands.bind(circus.endpoint, is_again=is_again)
        if circus.endpoint_owner:
            give_to(self.endpoint, circus.endpoint_owner)
        self._discovery = Discovery(circus.multicast_endpoint, self.endpoint)
        self._discovery.open()

    async def knocked(self) -> None:
        """Return when somebody connects to an endpoint that does not answer yet; at once when that cannot be told."""
        loop = asyncio.get_running_loop()
        knock: asyncio.Future[None] = loop.create_future()
        endpoints = [each for each in (self._commands, self._events) if each is not None]
        listeners = [each.listener for each in endpoints if each.listener is not None]
        if len(listeners) < len(endpoints):  # libzmq is loaded already, since it alone knew what an address means
            return
        try:
            for listener in listeners:
                loop.add_reader(listener, _tell, knock)
            await knock
        finally:
            for listener in listeners:
                loop.remove_reader(listener)

    @staticmethod
    def load() -> None:
        """Load what answers; may take place in a thread."""
        from circus_core import controller, publisher  # noqa: F401, PLC0415

    def answer(self) -> None:
        """Publish from now on, and take in messages, which wait for :meth:`open`. May be called again."""
        from circus_core.controller import Controller  # noqa: PLC0415
        from circus_core.publisher import Publisher  # noqa: PLC0415

        if self._events is not None and self.publisher is None:
            self.publisher = Publisher(self._events)
            self.publisher.open()
        if self._commands is not None and self.controller is None:
            self.controller = Controller(self._commands, self._estate)

    def open(self, arbiter: ArbiterHandle, veto: Veto) -> None:
        """Do what commands ask of *arbiter* from now on, also what came before.

        :param veto: asked before each; a text that it returns refuses the command
        """
        self.answer()
        if self.controller is not None:
            self.controller.open(arbiter, veto)

    def replay(self, held: Iterable[HeldMessage]) -> None:
        """Answer what was sent to an arbiter before."""
        if self.controller is not None:
            self.controller.replay(held)

    def hold(self) -> list[HeldMessage]:
        """Give up the commands that are being done and take in no more; return all that is not answered."""
        return self.controller.hold() if self.controller is not None else []

    def waiting(self) -> list[HeldMessage]:
        """Return the messages that have come and were not taken in."""
        return self.controller.waiting() if self.controller is not None else []

    async def pause(self) -> None:
        """Take no more messages, and let every reply that is due go out."""
        if self.controller is not None:
            await self.controller.pause()

    def publish(self, event: Event) -> None:
        """Send *event* to whoever is subscribed."""
        if self.publisher is not None:
            self.publisher.publish(event)

    def let_go(self) -> None:
        """Close everything, but leave the addresses to the next arbiter."""
        for part in (self.controller or self._commands, self.publisher or self._events):
            if part is not None:
                part.let_go()
        self.close()

    def close(self) -> None:
        """Close everything. May be called twice; what is bound after it is another one."""
        for part in (self._discovery, self.controller or self._commands, self.publisher or self._events):
            if part is not None:
                part.close()
        self._discovery = self.controller = self.publisher = self._commands = self._events = None

    async def end(self) -> None:
        """Leave nothing of ZeroMQ behind, once all is closed."""
        if self._own_context is not None:
            await in_thread(self._own_context.term)

    def _make_router(self) -> zmq.Socket[bytes]:
        from circus_core.controller import make_socket  # noqa: PLC0415  # 20 ms, for zmq

        return make_socket(self._zmq())

    def _make_xpub(self) -> zmq.Socket[bytes]:
        from circus_core.publisher import make_socket  # noqa: PLC0415  # the same

        return make_socket(self._zmq())

    def _zmq(self) -> zmq.Context[Any]:
        import zmq  # noqa: PLC0415  # the same

        if self._context is not None:
            return self._context
        self._own_context = self._own_context or zmq.Context()
        return self._own_context


def _tell(knock: asyncio.Future[None]) -> None:
    if not knock.done():
        knock.set_result(None)
