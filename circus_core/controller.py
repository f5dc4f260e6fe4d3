"""Commands in: the ROUTER socket, from message to reply."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Final

import zmq

from circus_core import protocol
from circus_core._execution import Veto, begin, is_immediate, settled
from circus_core._zmq_sockets import has_message
from circus_core.endpoints import Endpoint
from circus_core.errors import CircusError
from circus_core.estate import Estate, current_command
from circus_core.interfaces import ArbiterHandle, Reply
from circus_core.protocol import Message
from circus_core.records import HeldMessage
from circus_core.services import logger

_TURN: Final = 0.002  #: seconds in which messages are taken before others on the loop have their turn
_RECEIVE_LIMIT: Final = 64 * protocol.MAX_BYTES  #: libzmq drops a client that sends more in one frame

_LAST_REPLIES_MS: Final = 200  #: milliseconds that the last replies have to leave when the socket closes
_PAUSE_LIMIT: Final = 1.0  #: seconds that a pause waits for replies
_RETURN_LIMIT: Final = 10.0  #: seconds that the clients of an arbiter before have to come to this one
_RETURN_LOOK: Final = 0.02


def make_socket(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    """Return a socket for a controller."""
    socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.MAXMSGSIZE, _RECEIVE_LIMIT)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # tells that a client is away
    return socket


class Controller:
    """Answers what clients send, in the order of its arrival.

    :param endpoint: one for what :func:`make_socket` makes
    :param estate: has stored what a command changed before the reply is sent
    """

    def __init__(self, endpoint: Endpoint, estate: Estate | None = None) -> None:
        self.endpoint = endpoint
        self._estate = estate
        self._socket = endpoint.socket
        self._arbiter: ArbiterHandle | None = None
        self._veto: Veto | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[asyncio.Task[None], Message] = {}
        self._under_way: set[str] = set()  # ids of messages
        self._is_receiving = False
        self._unbegun = 0  # commands whose turn on the loop comes
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
        limit = time.monotonic() + _PAUSE_LIMIT
        while self._tasks and (left := limit - time.monotonic()) > 0:  # a task may leave a long reply to another one
            await asyncio.wait(self._tasks, timeout=left)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        for task in self._tasks:
            task.cancel()
        self.endpoint.close(_LAST_REPLIES_MS)

    def _receive(self) -> None:
        # libzmq's descriptor is edge-triggered: take until nothing is left, or look again soon.
        limit = time.monotonic() + _TURN
        self._is_receiving, may_be_more = True, True
        try:
            while self._loop is not None and time.monotonic() < limit and (may_be_more := has_message(self._socket)):
                self._dispatch(protocol.parse(self._socket.recv_multipart(zmq.NOBLOCK)))
        finally:
            self._is_receiving = False
            if may_be_more:
                self._look_again()

    def _look_again(self) -> None:
        if self._loop is not None:
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
        """Do it now if it awaits nothing and no other has to begin before it; else in its turn."""
        assert self._arbiter is not None
        self._under_way.add(str(message.id))
        if self._unbegun or not is_immediate(self._arbiter, message.command):
            self._unbegun += 1
            self._spawn(message, self._in_turn(message))
            return
        token = current_command.set(str(message.id))
        try:
            self._at_once(message)
        finally:
            current_command.reset(token)

    def _spawn(self, message: Message, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = message
        task.add_done_callback(lambda task: self._tasks.pop(task, None))

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None

    def _at_once(self, message: Message) -> None:
        try:
            result = self._begin(message)
            if isinstance(result, Awaitable):
                self._unbegun += 1
                self._spawn(message, self._in_turn(message, result))
                return
            reply = protocol.ok(message.id, result)
        except Exception as exc:
            reply = _failure(message, exc)
        self._under_way.discard(str(message.id))
        self._answer(message, reply)

    async def _in_turn(self, message: Message, begun: Awaitable[Reply] | None = None) -> None:
        """Do it, or what is left of it, and answer."""
        self._unbegun -= 1
        current_command.set(str(message.id))
        try:
            result = self._begin(message) if begun is None else begun
            reply = protocol.ok(message.id, await settled(result))
        except Exception as exc:
            reply = _failure(message, exc)
        finally:
            self._under_way.discard(str(message.id))
        self._answer(message, reply)

    def _begin(self, message: Message) -> Reply | Awaitable[Reply]:
        assert self._arbiter is not None
        if message.is_retry and self._estate is not None and self._estate.was_executed(str(message.id)):
            return {"recovered": True}  # the arbiter died between doing it and answering
        return begin(self._arbiter, message.command, message.properties, self._veto)

    def _answer(self, message: Message, reply: dict[str, Any]) -> None:
        if self._estate is not None:
            try:
                self._estate.flush()
            except (CircusError, OSError) as exc:  # it is done, and the next arbiter would not know of it
                reply = _failure(message, exc)
        if message.is_cast:
            return
        if protocol.is_big(reply):
            self._spawn(message, self._answer_slowly(message, reply))
        else:
            try:
                body = protocol.encode(reply)
            except (TypeError, ValueError) as exc:
                body = _unwritable(reply, exc)
            self._send(message.route, body)

    async def _answer_slowly(self, message: Message, reply: dict[str, Any]) -> None:
        """Send a reply with the figures of thousands of processes, which holds up nobody."""
        parts: list[bytes] = []
        try:
            for part in protocol.encode_parts(reply):
                if parts:
                    await asyncio.sleep(0)
                parts.append(part)
            body = b"".join(parts)
        except (TypeError, ValueError) as exc:
            body = _unwritable(reply, exc)
        self._send(message.route, body)

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
        if not self._is_receiving:
            # Sending may have eaten the edge that told of a message.
            self._look_again()


def _failure(message: Message, exc: Exception) -> dict[str, Any]:
    """Return the reply that tells why a command failed."""
    if isinstance(exc, (CircusError, OSError)):
        logger.debug("command %r refused: %s", message.command, exc)
    else:
        logger.error("command %r failed", message.command, exc_info=exc)
    return protocol.error(message.id, exc, command=message.command)


def _unwritable(reply: dict[str, Any], exc: Exception) -> bytes:
    logger.error("a reply cannot be written as JSON: %s", exc)
    return protocol.encode(protocol.error(reply.get("id"), exc))


def _held(message: Message) -> HeldMessage:
    return HeldMessage(
        route=tuple(frame.hex() for frame in message.route),
        id=message.id,
        command=message.command,
        properties=message.properties,
        is_cast=message.is_cast,
    )
