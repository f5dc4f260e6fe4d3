"""A ZeroMQ socket on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

_BATCH = 500  # messages before others get their turn


class Inbox:
    """Tells of what arrives at *socket*, in batches; owns the socket.

    :param on_messages: called with the frames of one message or more
    """

    def __init__(self, socket: zmq.Socket[Any], on_messages: Callable[[list[list[bytes]]], None]) -> None:
        self.socket = socket
        self._on_messages = on_messages
        self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        self._loop.add_reader(socket.fileno(), self._receive)
        self._loop.call_soon(self._receive)

    def send(self, body: bytes) -> None:
        """Send one frame; what does not fit the queue is dropped."""
        try:
            self.socket.send(body, zmq.NOBLOCK)
        except zmq.Again:
            pass
        self.look_again()

    def look_again(self) -> None:
        """Look for messages: using the socket may have eaten the edge that told of them."""
        if self._loop is not None:
            self._loop.call_soon(self._receive)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        if self._loop is not None:
            self._loop.remove_reader(self.socket.fileno())
            self._loop = None
        self.socket.close(linger=0)

    def _receive(self) -> None:
        if self._loop is None:
            return
        messages: list[list[bytes]] = []
        try:
            while len(messages) < _BATCH:
                messages.append(self.socket.recv_multipart(zmq.NOBLOCK))
            self.look_again()
        except zmq.Again:
            pass
        if messages:
            self._on_messages(messages)
