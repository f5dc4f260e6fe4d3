"""The client of the pubsub endpoint: events, one after the other."""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import zmq

from circus_core.client import connect
from circus_core.errors import CallError, CallTimeoutError
from circus_core.protocol import DEFAULT_ENDPOINT_SUB, SYNC_TOPIC

__all__ = ["CircusConsumer"]

_SYNC: bytes = SYNC_TOPIC.encode()

Message = tuple[bytes, bytes]
"""The topic of an event, and its JSON object."""


class CircusConsumer:
    """Yields the events whose topic starts with one of *topics*, as ``(topic, message)`` in bytes, without end.

    It finds a daemon that was restarted by itself. Leaving ``with`` closes it, as does the end of a loop over it.

    :param topics: texts or bytes; ``""`` stands for all events
    :param context: a ZeroMQ context to share, which stays the caller's; by default one of its own
    :param ssh_server: ``user@host[:port]`` to tunnel through; *endpoint* is then as seen from there
    :param timeout: seconds that :meth:`synchronise` and :meth:`receive` wait unless they are told otherwise
    :param ssh_keyfile: the key to log in with
    :raises CallError: the endpoint cannot be used
    """

    def __init__(
        self,
        topics: Iterable[str | bytes],
        context: zmq.Context[Any] | None = None,
        endpoint: str = DEFAULT_ENDPOINT_SUB,
        ssh_server: str | None = None,
        timeout: float = 1.0,
        *,
        ssh_keyfile: str | None = None,
    ) -> None:
        self._own_context = zmq.Context() if context is None else None
        self.context: zmq.Context[Any] = self._own_context or context or zmq.Context()
        self.topics = topics
        self.endpoint = endpoint
        self.timeout = timeout
        self._early: deque[Message] = deque()
        self._end_tunnel: Callable[[], None] = lambda: None
        self.pubsub_socket = self.context.socket(zmq.SUB)
        self.pubsub_socket.linger = 0
        try:
            for topic in topics:
                self.pubsub_socket.setsockopt(zmq.SUBSCRIBE, topic.encode() if isinstance(topic, str) else topic)
            self._end_tunnel = connect(self.pubsub_socket, endpoint, ssh_server, ssh_keyfile)
        except CallError:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Message]:
        return self.iter_messages()

    def iter_messages(self) -> Iterator[Message]:
        """Yield topic and JSON of each event, without end."""
        with self:
            while True:
                yield self.recv_message()

    def recv_message(self) -> Message:
        """Return topic and JSON of the next event, however long it takes."""
        message = self.receive(math.inf)
        assert message is not None
        return message

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return topic and JSON of the next event, ``None`` when none came in *timeout* seconds."""
        if self._early:
            return self._early.popleft()
        end_at = time.monotonic() + (self.timeout if timeout is None else timeout)
        while (message := self._next(end_at)) is not None:
            if not message[0].startswith(_SYNC):
                return message
        return None

    def synchronise(self, timeout: float | None = None) -> None:
        """Return when every event that is published from now on arrives here.

        What came meanwhile is kept for the next calls.

        :raises CallTimeoutError: the daemon did not say so in *timeout* seconds; one of an earlier version never does
        """
        limit = self.timeout if timeout is None else timeout
        end_at = time.monotonic() + limit
        topic = _SYNC + uuid.uuid4().hex.encode()
        self.pubsub_socket.setsockopt(zmq.SUBSCRIBE, topic)
        try:
            while (message := self._next(end_at)) is not None:
                if message[0] == topic:
                    return
                if not message[0].startswith(_SYNC):
                    self._early.append(message)
        finally:
            self.pubsub_socket.setsockopt(zmq.UNSUBSCRIBE, topic)
        raise CallTimeoutError(f"no answer from {self.endpoint} in {limit:g}s; is it the pubsub_endpoint of a circusd?")

    def stop(self) -> None:
        """Close the connection. May be called twice."""
        self.pubsub_socket.close(linger=0)
        self._end_tunnel()
        if self._own_context is not None:
            self._own_context.term()

    def _next(self, end_at: float) -> Message | None:
        left = end_at - time.monotonic()
        if not self.pubsub_socket.poll(None if left == math.inf else max(0, math.ceil(left * 1000))):
            return None
        topic, message = self.pubsub_socket.recv_multipart()[:2]
        return topic, message
