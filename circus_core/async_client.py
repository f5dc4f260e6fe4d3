"""The client of the control endpoint for programs on asyncio."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self

import zmq

from circus_core.client import Connection
from circus_core.errors import CallError
from circus_core.protocol import make_message

__all__ = ["AsyncCircusClient"]

logger: Final = logging.getLogger("circus")


class AsyncCircusClient(Connection):
    """Sends commands to a daemon, any number at the same time; on one loop at a time.

    Takes what :class:`~circus_core.client.Connection` takes. It finds a daemon that was restarted by itself, and asks
    again what was under way when the arbiter died, as :class:`~circus_core.client.CircusClient` does. Leaving
    ``async with`` closes it.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def send_message(self, command: str, **props: Any) -> dict[str, Any]:
        """Send *command* with *props* and return the reply, an error reply too.

        :raises CallError: no reply in time
        """
        return await self.call(make_message(command, **props))

    async def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send *message*, give it an ``id`` and return the reply, an error reply too.

        The reply of a message that is a cast is not awaited: it is ``{}``. A call that is cancelled or gives up leaves
        the command running in the daemon; its late reply is dropped.

        :raises CallError: no reply in time
        """
        message_id, body = self._prepare(message)
        self._send(body)
        loop = self._attach()
        reply: asyncio.Future[dict[str, Any]] = loop.create_future()
        # Sending may have eaten the edge that told of a reply.
        loop.call_soon(self._receive)
        if message.get("msg_type") == "cast":
            return {}
        self._waiting[message_id] = reply
        self._sent[message_id] = message
        try:
            async with asyncio.timeout(self.timeout / 1000):
                return await reply
        except TimeoutError as exc:
            if len(self._waiting) == 1:
                self._disconnect()
            raise self._timed_out() from exc
        finally:
            del self._waiting[message_id]
            del self._sent[message_id]

    def stop(self) -> None:
        """Close the connection; calls that wait for a reply fail. May be called twice."""
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(CallError(f"the connection to {self.endpoint} was closed"))
        super().stop()

    @cached_property
    def _waiting(self) -> dict[str, asyncio.Future[dict[str, Any]]]:
        return {}

    @cached_property
    def _sent(self) -> dict[str, dict[str, Any]]:
        return {}

    def _disconnect(self) -> None:
        self._detach()
        super()._disconnect()

    def _attach(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._detach()
            self._loop = loop
            loop.add_reader(self.socket.fileno(), self._receive)
            if self._losses is not None:
                loop.add_reader(self._losses.fileno(), self._ask_again)
            loop.call_soon(self._ask_again)  # libzmq signals only to who has seen that there was nothing
        return loop

    def _detach(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self.socket.fileno())
            if self._losses is not None:
                self._loop.remove_reader(self._losses.fileno())
        self._loop = None

    def _receive(self) -> None:
        # libzmq's descriptor is edge-triggered: take until nothing is left.
        while self._loop is not None:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._take(frames)

    def _ask_again(self) -> None:
        """Repeat what was under way when the connection broke."""
        if self._loop is not None and self._was_lost():
            for message in self._sent.values():
                self._retry(message)
            self._receive()  # sending may have eaten the edge that told of a reply

    def _take(self, frames: list[bytes]) -> None:
        try:
            reply = self._reply(frames)
        except CallError as exc:
            self._settle(next(iter(self._waiting), None), exc)
            return
        message_id = reply.get("id")
        if message_id is None and reply.get("status") == "error":
            # A message that could not be read comes back without an id; replies to such come first.
            message_id = next(iter(self._waiting), None)
        self._settle(message_id, reply)

    def _settle(self, message_id: str | None, result: dict[str, Any] | CallError) -> None:
        waiting = self._waiting.get(message_id or "")
        if waiting is None or waiting.done():
            logger.debug("a reply of %s that nobody waits for was dropped", self.endpoint)
        elif isinstance(result, CallError):
            waiting.set_exception(result)
        else:
            waiting.set_result(result)
