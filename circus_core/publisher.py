"""Events out: the PUB socket."""

from __future__ import annotations

import json
from typing import Any

import zmq

from circus_core.endpoints import bind
from circus_core.events import Event


class Publisher:
    """Publishes events as two frames, topic and JSON; fire and forget."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.socket: zmq.Socket[bytes] = context.socket(zmq.PUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.endpoint = ""  #: the address that it is bound to

    async def bind(self, endpoint: str, *, is_again: bool = False) -> None:
        """Bind to *endpoint*.

        :raises ConfigError: the address cannot be had
        """
        self.endpoint = await bind(self.socket, endpoint, option="pubsub_endpoint", is_again=is_again)

    def publish(self, event: Event) -> None:
        """Send *event* to whoever is subscribed."""
        self.socket.send_multipart([event.topic.encode(), json.dumps(event.payload()).encode()], zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self.socket.close(0)
