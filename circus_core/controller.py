"""Commands in: the ROUTER socket, from message to reply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Final

import zmq

from circus_core import protocol
from circus_core._execution import Veto, execute
from circus_core.endpoints import Endpoint
from circus_core.errors import CircusError
from circus_core.estate import Estate, current_command
from circus_core.interfaces import ArbiterHandle
from circus_core.protocol import Message
from circus_core.records import HeldMessage
from circus_core.services import logger
from circus_core.spawner import Spawner

_BURST: Final = 100  #: messages taken before others on the loop have their turn
_RECEIVE_LIMIT: Final = 64 * protocol.MAX_BYTES  #: libzmq drops a client that sends more in one frame

_LAST_REPLIES_MS: Final = 200  #: milliseconds that the last replies have to leave when the socket closes
_RETURN_LIMIT: Final = 10.0  #: seconds that the clients of an arbiter before have to come to this one
_RETURN_LOOK: Final = 0.02


class Controller:
    """Answers what clients send, in the order of its arrival.

    :param spawner: keeps the listening socket for the next arbiter
    :param estate: has stored what a command changed before the reply is sent
    """

    def __init__(self, context: zmq.Context[Any], spawner: Spawner | None = None, estate: Estate | None = None) -> None:
        self.endpoint = Endpoint(context.socket(zmq.ROUTER), "endpoint", spawner)
        self._estate = estate
        self._socket = self.endpoint.socket
        self._socket.setsockopt(zmq.MAXMSGSIZE, _RECEIVE_LIMIT)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # tells that a client is away
        self._arbiter: ArbiterHandle | None = None
        self._veto: Veto | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[asyncio.Task[None], Message] = {}
        self._under_way: set[str] = set()  # ids of messages
        self._return_limit = 0.0

    def open(self, arbiter: ArbiterHandle, veto: Veto | None = None) -> None:
        """Answer for *arbiter* from now on, also what arrived before.

        :param veto: asked before each command; a text that it returns refuses the command
        """
        self._arbiter = arbiter
        self._veto = veto
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._socket.fileno(), self._receive)
        self._loop.call_soon(self._receive)

    def replay(self, held: Iterable[HeldMessage]) -> None:
        """Answer what was sent to an arbiter before, or do it; its clients are on their way to this one."""
        self._return_limit = asyncio.get_running_loop().time() + _RETURN_LIMIT
        for message in held:
            self._start(
                Message(
                    route=tuple(bytes.fromhex(frame) for frame in message.route),
                    id=message.id,
                    command=message.command,
                    properties=message.properties,
                    is_cast=message.is_cast,
                    is_retry=True,
                )
            )

    def hold(self) -> list[HeldMessage]:
        """Give up the commands that are being done and take in no more; return all that is not answered."""
        self._stop()
        begun = [_held(message) for message in self._tasks.values()]
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        return begun + self.waiting()

    def waiting(self) -> list[HeldMessage]:
        """Return the messages that have come and were not taken in."""
        found = []
        with contextlib.suppress(zmq.Again):
            while True:
                message = protocol.parse(self._socket.recv_multipart(zmq.NOBLOCK))
                if isinstance(message, Message):
                    found.append(_held(message))
                else:
                    self._refuse(message)
        return found

    def let_go(self) -> None:
        """Close the socket, but leave the address to the next arbiter."""
        self.endpoint.let_go(_LAST_REPLIES_MS)

    async def pause(self) -> None:
        """Take no more messages, and let every reply that is due go out."""
        self._stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        for task in self._tasks:
            task.cancel()
        self.endpoint.close(_LAST_REPLIES_MS)

    def _receive(self) -> None:
        # libzmq's descriptor is edge-triggered: take until nothing is left, or look again soon.
        if self._loop is None:
            return
        for _ in range(_BURST):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._dispatch(protocol.parse(frames))
        self._loop.call_soon(self._receive)

    def _dispatch(self, message: Message | protocol.Rejected) -> None:
        if isinstance(message, protocol.Rejected):
            self._refuse(message)
        elif not (message.is_retry and str(message.id) in self._under_way):
            self._start(message)  # else it came twice: the reply goes to whoever asks under that id

    def _refuse(self, message: protocol.Rejected) -> None:
        if not message.is_cast:
            self._send(message.route, protocol.encode(protocol.error(message.id, message.error)))

    def _start(self, message: Message) -> None:
        self._under_way.add(str(message.id))
        task = asyncio.get_running_loop().create_task(self._execute(message))
        self._tasks[task] = message
        task.add_done_callback(lambda task: self._tasks.pop(task, None))

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None

    async def _execute(self, message: Message) -> None:
        try:
            reply = protocol.ok(message.id, await self._run(message))
        except (CircusError, OSError) as exc:
            logger.debug("command %r refused: %s", message.command, exc)
            reply = protocol.error(message.id, exc, command=message.command)
        except Exception as exc:
            logger.exception("command %r failed", message.command)
            reply = protocol.error(message.id, exc, command=message.command)
        finally:
            self._under_way.discard(str(message.id))
        if self._estate is not None:
            self._estate.flush()
        if not message.is_cast:
            self._send(message.route, await self._encoded(reply))

    async def _run(self, message: Message) -> dict[str, Any]:
        assert self._arbiter is not None
        if message.is_retry and self._estate is not None and self._estate.was_executed(str(message.id)):
            return {"recovered": True}  # the arbiter died between doing it and answering
        current_command.set(str(message.id))
        return await execute(self._arbiter, message.command, message.properties, self._veto)

    async def _encoded(self, reply: dict[str, Any]) -> bytes:
        """Return the bytes of a reply; the figures of thousands of processes hold up nobody."""
        parts: list[bytes] = []
        try:
            for part in protocol.encode_parts(reply):
                if parts:
                    await asyncio.sleep(0)
                parts.append(part)
        except (TypeError, ValueError) as exc:
            logger.error("a reply cannot be written as JSON: %s", exc)
            return protocol.encode(protocol.error(reply.get("id"), exc))
        return b"".join(parts)

    def _send(self, route: tuple[bytes, ...], body: bytes) -> None:
        self._deliver([*route, body])

    def _deliver(self, frames: list[bytes]) -> None:
        """Send a reply; to one of the clients that are on their way to this arbiter when it is here."""
        loop = asyncio.get_running_loop()
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError as exc:
            if exc.errno == zmq.EHOSTUNREACH and loop.time() < self._return_limit and not self._socket.closed:
                loop.call_later(_RETURN_LOOK, self._deliver, frames)
                return
            logger.debug("a reply was dropped: %s", exc)
        if self._loop is not None:
            # Sending may have eaten the edge that told of a message.
            self._loop.call_soon(self._receive)


def _held(message: Message) -> HeldMessage:
    return HeldMessage(
        route=tuple(frame.hex() for frame in message.route),
        id=message.id,
        command=message.command,
        properties=message.properties,
        is_cast=message.is_cast,
    )
