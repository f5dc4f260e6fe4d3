"""``Controller``: an endpoint more for an arbiter that a program runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import zmq

from circus_core.compat._gate import Future
from circus_core.controller import Controller as CoreController
from circus_core.controller import make_socket
from circus_core.discovery import Discovery
from circus_core.endpoints import Endpoint, give_to
from circus_core.errors import LibraryError

if TYPE_CHECKING:
    from circus_core.compat.arbiter import Arbiter


class Controller:
    """Takes commands for an arbiter that runs, besides the arbiter's own endpoint.

    :param endpoint: where commands are taken
    :param multicast_endpoint: where that can be discovered; ``None`` or empty for nowhere
    :param context: the arbiter's by default
    :param loop: the arbiter's
    :param check_delay: without effect
    :param endpoint_owner: user who owns the file of an ``ipc://`` endpoint
    """

    def __init__(
        self,
        endpoint: str,
        multicast_endpoint: str | None,
        context: zmq.Context[Any] | None,
        loop: Any,
        arbiter: Arbiter,
        check_delay: float = 1.0,
        endpoint_owner: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.multicast_endpoint = multicast_endpoint
        self.context = context
        self.loop = loop
        self.arbiter = arbiter
        self.check_delay = check_delay
        self.endpoint_owner = endpoint_owner
        self._core: CoreController | None = None
        self._discovery: Discovery | None = None

    @property
    def endpoint_owner_mode(self) -> bool:
        """Whether the endpoint is a file that belongs to another user."""
        return self.endpoint_owner is not None and self.endpoint.startswith("ipc://")

    def initialize(self) -> None:
        """Do nothing: :meth:`start` binds."""

    def start(self) -> Future:
        """Bind, then answer what comes; to be called on the arbiter's loop.

        :raises LibraryError: the arbiter does not run
        """
        core = self.arbiter._core
        if core is None:
            raise LibraryError("the arbiter does not run; call start() first")
        return asyncio.get_running_loop().create_task(self._start(core))

    def stop(self) -> None:
        """Answer no more."""
        if self._core is not None:
            self._core.close()
        if self._discovery is not None:
            self._discovery.close()
        self._core = self._discovery = None

    async def _start(self, arbiter: Any) -> None:
        endpoint = Endpoint(partial(make_socket, self.context or self.arbiter.context), "endpoint")
        await endpoint.bind(self.endpoint)
        self._core = core = CoreController(endpoint)
        self.endpoint = core.endpoint.address
        if self.endpoint_owner:
            give_to(self.endpoint, self.endpoint_owner)
        self._discovery = Discovery(self.multicast_endpoint or "", self.endpoint)
        self._discovery.open()
        core.open(arbiter)
