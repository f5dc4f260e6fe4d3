"""Events out: the PUB socket."""

from __future__ import annotations

import json
from typing import Any

import zmq

from circus_core.endpoints import Endpoint
from circus_core.events import Event


class Publisher:
    """Publishes events as two frames, topic and JSON; fire and forget."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.endpoint = Endpoint(context.socket(zmq.PUB), "pubsub_endpoint")

    def publish(self, event: Event) -> None:
        """Send *event* to whoever is subscribed."""
        frames = [event.topic.encode(), json.dumps(event.payload()).encode()]
        self.endpoint.socket.send_multipart(frames, zmq.NOBLOCK)

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self.endpoint.close()
