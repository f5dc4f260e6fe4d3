"""Events out: the PUB socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import zmq

from circus_core._zmq_sockets import has_message
from circus_core.endpoints import Endpoint
from circus_core.events import Event
from circus_core.protocol import SYNC_TOPIC

_MOST_WANTED: Final = 100  #: beginnings of topics that are told apart; with more of them all is written
_RETURN_TIME: Final = 0.5  #: seconds that the subscribers of an arbiter before need: libzmq tries again every 0.1 s
_LAST_EVENTS_MS: Final = 200  #: milliseconds that the last events have to leave when another arbiter takes over


def make_socket(context: zmq.Context[Any]) -> zmq.Socket[bytes]:
    """Return a socket for a publisher."""
    socket: zmq.Socket[bytes] = context.socket(zmq.XPUB)
    return socket


class Publisher:
    """Publishes events as two frames, topic and JSON; fire and forget.

    libzmq does not tell subscribers from when on they get everything. Who has to know subscribes, last of all, to a
    topic of its own that starts with ``SYNC_TOPIC``: it gets every event that is published after the answer.

    :param endpoint: one for what :func:`make_socket` makes
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._socket = endpoint.socket
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: list[tuple[bytes, bytes]] | None = None
        self._has_looked = False  # for subscriptions, in this turn of the loop
        self._wanted: tuple[bytes, ...] = ()  # what topics begin with that somebody has subscribed to

    def open(self) -> None:
        """Answer subscribers from now on.

        Those of an arbiter before are on their way: what is published meanwhile is kept for them.
        """
        self._loop = asyncio.get_running_loop()
        if self.endpoint.is_taken_over:
            self._kept = []
            self._loop.call_later(_RETURN_TIME, self._release)
        self._loop.add_reader(self._socket.fileno(), self._receive)
        self._loop.call_soon(self._receive)

    def publish(self, event: Event) -> None:
        """Send *event* to whoever is subscribed."""
        topic = event.topic.encode()
        if self._kept is None and self._loop is not None:
            if not self._has_looked:  # who has just subscribed gets it
                self._has_looked = True  # once a turn of the loop: thousands of processes start in few
                self._receive()
                self._loop.call_soon(self._look_anew)
            if not topic.startswith(self._wanted):
                return
        body = json.dumps(event.payload()).encode()
        if self._kept is None:
            self._send(topic, body)
        else:
            self._kept.append((topic, body))

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._stop()
        self.endpoint.close()

    def let_go(self) -> None:
        """Close the socket, but leave the address to the next arbiter."""
        self._stop()
        self.endpoint.let_go(_LAST_EVENTS_MS)

    def _release(self) -> None:
        kept, self._kept = self._kept or [], None
        for topic, body in kept:
            if not self._socket.closed:
                self._send(topic, body)

    def _stop(self) -> None:
        self._release()
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None

    def _send(self, topic: bytes, body: bytes) -> None:
        self._socket.send_multipart([topic, body], zmq.NOBLOCK)
        if self._loop is not None:
            # Sending may have eaten the edge that told of a subscription.
            self._loop.call_soon(self._receive)

    def _look_anew(self) -> None:
        self._has_looked = False

    def _receive(self) -> None:
        while self._loop is not None and has_message(self._socket):
            change = self._socket.recv(zmq.NOBLOCK)
            topic = change[1:]
            if change[:1] != b"\x01":
                continue  # it does not tell that nobody is left: libzmq passes on what a stranger says
            if topic.startswith(SYNC_TOPIC.encode()):
                self._send(topic, b"{}")
            elif not topic.startswith(self._wanted):
                self._wanted = (*self._wanted, topic) if len(self._wanted) < _MOST_WANTED else (b"",)
