"""The client of the stats endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import zmq

from circus_core.client import connect
from circus_core.protocol import DEFAULT_ENDPOINT_STATS

_TOPIC: Final = "stat."

Message = tuple[str, str | None, dict[str, Any]]
"""A watcher as topics have it, or ``circus`` or ``sockets``; a pid or descriptor, or ``None``; what is told of it."""


class StatsClient:
    """Yields what a daemon's statistics tell, without end; it connects again by itself when the daemon comes back.

    :param endpoint: the stats endpoint
    :param ssh_server: ``user@host[:port]`` to tunnel through
    :param context: a ZeroMQ context to share, which stays the caller's
    :raises CallError: the endpoint cannot be used
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT_STATS,
        ssh_server: str | None = None,
        context: zmq.Context[Any] | None = None,
    ) -> None:
        self._own_context = zmq.Context() if context is None else None
        self.endpoint = endpoint
        self.socket = (self._own_context or context or zmq.Context()).socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvhwm = 0
        self.socket.setsockopt(zmq.SUBSCRIBE, _TOPIC.encode())
        self._end_tunnel: Callable[[], None] = lambda: None
        try:
            self._end_tunnel = connect(self.socket, endpoint, ssh_server)
        except BaseException:
            self.stop()
            raise

    def __iter__(self) -> Iterator[Message]:
        return self.iter_messages()

    def iter_messages(self) -> Iterator[Message]:
        """Yield each message as it comes."""
        while True:
            message = parse(self.socket.recv_multipart())
            if message is not None:
                yield message

    def take(self) -> Iterator[Message]:
        """Yield the messages that are there already."""
        while True:
            try:
                message = parse(self.socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            if message is not None:
                yield message

    def stop(self) -> None:
        """Close the connection. May be called twice."""
        self.socket.close(linger=0)
        self._end_tunnel()
        if self._own_context is not None:
            self._own_context.term()


def parse(frames: list[bytes]) -> Message | None:
    """Return the message in *frames*, ``None`` when they are no statistics."""
    if len(frames) != 2:
        return None
    topic = frames[0].decode("utf-8", "replace")
    try:
        stat = json.loads(frames[1])
    except ValueError:
        return None
    name = topic.removeprefix(_TOPIC)
    if name == topic or not isinstance(stat, dict):
        return None
    if "subtopic" not in stat:
        return name, None, stat
    # The name may have dots of its own.
    name, _, subtopic = name.rpartition(".")
    return name, subtopic, stat
