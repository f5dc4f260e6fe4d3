"""Commands to a daemon from an event loop, any number at a time."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import zmq

from circus_core.errors import CircusError
from circus_core.protocol import encode, make_message
from circus_web.inbox import Inbox

Reply = dict[str, Any]


class AskError(CircusError):
    """The daemon did not answer, or refused."""


class Asker:
    """Sends commands and awaits their replies; nothing else waits meanwhile. Closes *socket*, a connected one."""

    def __init__(self, socket: zmq.Socket[Any], endpoint: str) -> None:
        self._endpoint = endpoint
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._inbox = Inbox(socket, self._take)

    async def ask(self, command: str, *, timeout: float = 4.0, **props: Any) -> Reply:
        """Send *command* and return its reply.

        :param timeout: seconds to wait
        :raises AskError: no reply in time, or an error reply
        """
        message_id = uuid.uuid4().hex
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = future
        try:
            self._inbox.send(encode({**make_message(command, **props), "id": message_id}))
            async with asyncio.timeout(timeout):
                reply = await future
        except TimeoutError as exc:
            raise AskError(f"circusd does not answer at {self._endpoint}; is it running, with this endpoint?") from exc
        finally:
            self._waiting.pop(message_id, None)
        if reply.get("status") == "error":
            raise AskError(str(reply.get("reason", "unknown")))
        return reply

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._inbox.close()

    def _take(self, messages: list[list[bytes]]) -> None:
        for frames in messages:
            try:
                reply = json.loads(frames[-1])
                future = self._waiting.get(reply.get("id"))
            except (ValueError, AttributeError, TypeError):
                continue  # whoever speaks there is no circusd
            if future is not None and not future.done():
                future.set_result(reply)
