"""Events out: the PUB socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import zmq

from circus_core.endpoints import Endpoint
from circus_core.events import Event
from circus_core.protocol import SYNC_TOPIC
from circus_core.spawner import Spawner


class Publisher:
    """Publishes events as two frames, topic and JSON; fire and forget.

    libzmq does not tell subscribers from when on they get everything. Who has to know subscribes, last of all, to a
    topic of its own that starts with ``SYNC_TOPIC``: it gets every event that is published after the answer.
    """

    def __init__(self, context: zmq.Context[Any], spawner: Spawner | None = None) -> None:
        self._socket = context.socket(zmq.XPUB)
        self.endpoint = Endpoint(self._socket, "pubsub_endpoint", spawner)
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Answer subscribers from now on."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._receive)
        self._loop.call_soon(self._receive)

    def publish(self, event: Event) -> None:
        """Send *event* to whoever is subscribed."""
        self._send(event.topic.encode(), json.dumps(event.payload()).encode())

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self.endpoint.close()

    def _send(self, topic: bytes, body: bytes) -> None:
        self._socket.send_multipart([topic, body], zmq.NOBLOCK)
        if self._loop is not None:
            # Sending may have eaten the edge that told of a subscription.
            self._loop.call_soon(self._receive)

    def _receive(self) -> None:
        while self._loop is not None:
            try:
                change = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if change[:1] == b"\x01" and change[1:].startswith(SYNC_TOPIC.encode()):
                self._send(change[1:], b"{}")
