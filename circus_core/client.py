"""The synchronous client of the control endpoint."""

from __future__ import annotations

import json
import math
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import zmq

from circus_core.errors import CallError, CallTimeoutError, NoMessageError
from circus_core.protocol import (
    DEFAULT_ENDPOINT_DEALER,
    DEFAULT_ENDPOINT_MULTICAST,
    DEFAULT_ENDPOINT_STATS,
    DEFAULT_ENDPOINT_SUB,
    cast_message,
    encode,
    make_json,
    make_message,
)

__all__ = [
    "DEFAULT_ENDPOINT_DEALER",
    "DEFAULT_ENDPOINT_MULTICAST",
    "DEFAULT_ENDPOINT_STATS",
    "DEFAULT_ENDPOINT_SUB",
    "CircusClient",
    "Connection",
    "cast_message",
    "connect",
    "make_json",
    "make_message",
]


class Connection:
    """A connection to the control endpoint of a daemon, which may be restarted meanwhile.

    :param context: a ZeroMQ context to share, which stays the caller's; by default one of its own
    :param timeout: seconds to wait for a reply
    :param ssh_server: ``user@host[:port]`` to tunnel through; *endpoint* is then as seen from there
    :param ssh_keyfile: the key to log in with
    :raises CallError: the endpoint cannot be used
    """

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        endpoint: str = DEFAULT_ENDPOINT_DEALER,
        timeout: float = 5.0,
        ssh_server: str | None = None,
        ssh_keyfile: str | None = None,
    ) -> None:
        self._address, self._end_tunnel = _reach(endpoint, ssh_server, ssh_keyfile)
        weakref.finalize(self, self._end_tunnel)
        self._own_context = zmq.Context() if context is None else None
        self.context: zmq.Context[Any] = self._own_context or context or zmq.Context()
        self.endpoint = endpoint
        self.timeout = timeout * 1000  #: milliseconds, as ever
        self._is_stopped = False
        try:
            self._connect()
        except CallError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close the connection. May be called twice."""
        self._is_stopped = True
        self._disconnect()
        self._end_tunnel()
        if self._own_context is not None:
            self._own_context.term()

    def _connect(self) -> None:
        self.socket: zmq.Socket[bytes] = self.context.socket(zmq.DEALER)
        self.socket.identity = uuid.uuid4().hex.encode()
        self.socket.linger = 0
        # In a context of the caller's it would hold up term() when only `socket` is closed.
        is_ours = self._own_context is not None
        self._losses = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED) if is_ours else None
        _connect(self.socket, self._address)

    def _disconnect(self) -> None:
        """Drop what could not be sent: a command that was given up is not done hours later, when a daemon starts."""
        if self._losses is not None:
            if not self.socket.closed:
                self.socket.disable_monitor()
            self._losses.close(linger=0)
        self.socket.close(linger=0)

    def _was_lost(self) -> bool:
        """Tell whether the connection broke since the last call: its other end may have died with a command in hand."""
        was_lost = False
        while self._losses is not None and self._losses.poll(0):
            self._losses.recv_multipart()
            was_lost = True
        return was_lost

    def _retry(self, message: dict[str, Any]) -> None:
        """Send *message* again, under its ``id``: who takes over knows by that whether it was executed."""
        self._send(encode({**message, "retry": True}))

    def _prepare(self, message: Any) -> tuple[str, bytes]:
        """Give *message* an ``id``; return that and the bytes to send."""
        if not isinstance(message, dict):
            raise NoMessageError(f"call() takes a dict as make_message() makes it, not {type(message).__name__}")
        message["id"] = message_id = uuid.uuid4().hex
        return message_id, encode(message)

    def _send(self, body: bytes) -> None:
        if self._is_stopped:
            raise CallError(f"the connection to {self.endpoint} was closed")
        if self.socket.closed:
            self._connect()
        try:
            self.socket.send(body, zmq.NOBLOCK)
        except zmq.Again as exc:
            raise self._timed_out() from exc
        except zmq.ZMQError as exc:
            raise CallError(f"cannot send to {self.endpoint}: {exc}") from exc

    def _reply(self, frames: Sequence[bytes]) -> dict[str, Any]:
        try:
            reply = json.loads(frames[-1])
        except ValueError as exc:
            raise CallError(f"{self.endpoint} sent no JSON: {frames[-1][:80]!r}; is it circusd?") from exc
        if not isinstance(reply, Mapping):
            raise CallError(f"{self.endpoint} sent no object: {frames[-1][:80]!r}; is it circusd?")
        return dict(reply)

    def _timed_out(self) -> CallTimeoutError:
        return CallTimeoutError(
            f"Timed out. No reply from {self.endpoint} in {self.timeout / 1000:g}s; "
            "is circusd running, with this endpoint? If it is busy, give a longer timeout"
        )


class CircusClient(Connection):
    """Sends commands to a daemon and waits for each reply; for one thread at a time.

    Takes what :class:`Connection` takes. It finds a daemon that was restarted by itself. A command that is under way
    when the arbiter dies is asked again: the next arbiter executes it unless it was executed, and then replies
    ``recovered``; with a *context* of the caller's it is not, and times out. Leaving ``with`` closes it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def send_message(self, command: str, **props: Any) -> dict[str, Any]:
        """Send *command* with *props* and return the reply, an error reply too.

        :raises CallError: no reply in time
        """
        return self.call(make_message(command, **props))

    def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send *message*, give it an ``id`` and return the reply, an error reply too.

        The reply of a message that is a cast is not awaited: it is ``{}``. A call that gives up leaves the
        command running in the daemon; its late reply is dropped.

        :raises CallError: no reply in time
        """
        message_id, body = self._prepare(message)
        deadline = time.monotonic() + self.timeout / 1000
        if not self.socket.closed:
            self._was_lost()  # before there was anything to lose
        self._send(body)
        if message.get("msg_type") == "cast":
            return {}
        while True:
            frames = self._receive(deadline)
            if frames is None:
                self._retry(message)
                continue
            reply = self._reply(frames)
            # A message that could not be read comes back without an id; nobody else is waiting here.
            is_unread = reply.get("id") is None and reply.get("status") == "error"
            if reply.get("id") == message_id or is_unread:
                return reply

    def _receive(self, deadline: float) -> list[bytes] | None:
        """Return the frames of the next message, ``None`` when the connection broke."""
        left = max(0.0, deadline - time.monotonic())
        try:
            ready = dict(self.poller.poll(math.ceil(left * 1000)))
            if self.socket in ready:
                return self.socket.recv_multipart()
            if ready and self._was_lost():
                return None
        except zmq.ZMQError as exc:
            raise CallError(f"cannot receive from {self.endpoint}: {exc}") from exc
        self._disconnect()
        raise self._timed_out()

    def _connect(self) -> None:
        super()._connect()
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        if self._losses is not None:
            self.poller.register(self._losses, zmq.POLLIN)


def connect(
    socket: zmq.Socket[Any], endpoint: str, ssh_server: str | None = None, ssh_keyfile: str | None = None
) -> Callable[[], None]:
    """Connect *socket*, through a tunnel when *ssh_server* is given.

    :returns: ends the tunnel; without a call it ends when *socket* is collected
    :raises CallError: the endpoint cannot be used, or the tunnel could not be made
    """
    address, end_tunnel = _reach(endpoint, ssh_server, ssh_keyfile)
    weakref.finalize(socket, end_tunnel)
    _connect(socket, address)
    return end_tunnel


def _reach(endpoint: str, ssh_server: str | None, ssh_keyfile: str | None) -> tuple[str, Callable[[], None]]:
    """Return the address that leads to *endpoint*, and what ends the tunnel to it, if there is one."""
    if ssh_server is None:
        return endpoint, lambda: None
    from circus_core import _ssh  # noqa: PLC0415 - only who tunnels pays for the import

    tunnel = _ssh.Tunnel(endpoint, ssh_server, ssh_keyfile)
    return tunnel.url, tunnel.close


def _connect(socket: zmq.Socket[Any], address: str) -> None:
    try:
        socket.connect(address)
    except zmq.ZMQError as exc:
        raise CallError(f"endpoint {address!r}: {exc}; write tcp://HOST:PORT or ipc://PATH") from exc
