"""The stats endpoint: an XPUB socket, which knows what its subscribers want."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import zmq

from circus_core.endpoints import Endpoint
from circus_core.protocol import DEFAULT_ENDPOINT_STATS

_MORE: Final = zmq.SNDMORE | zmq.NOBLOCK
_ENCODER: Final = json.JSONEncoder()
_MOST_WAITING: Final = 50_000  # messages for one subscriber that is slow; what comes then is dropped for it


class StatsPublisher:
    """Publishes statistics as two frames: topic and JSON.

    :param context: a ZeroMQ context to share, which stays the caller's
    :raises ConfigError: the address cannot be had
    """

    def __init__(self, stats_endpoint: str = DEFAULT_ENDPOINT_STATS, context: zmq.Context[Any] | None = None) -> None:
        self._own_context = zmq.Context() if context is None else None
        self._context = context or self._own_context or zmq.Context()
        self._endpoint = Endpoint(self._make_socket, "stats_endpoint")
        self._wanted: set[str] = set()
        self._told: dict[str, tuple[Mapping[str, Any], str]] = {}  # topic to what it told but the age, and as JSON
        self._before = self._told
        try:
            # Another one may be just about to end.
            asyncio.run(self._endpoint.bind(stats_endpoint, is_again=True))
        except BaseException:
            self.stop()
            raise
        self.address = self._endpoint.address
        self.socket = self._endpoint.socket

    def _make_socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.XPUB)
        socket.sndhwm = _MOST_WAITING
        return socket

    def take_subscriptions(self) -> None:
        """Learn what is wanted by now."""
        while True:
            try:
                message = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            prefix = message[1:].decode("utf-8", "replace")
            if message[:1] == b"\x01":
                self._wanted.add(prefix)
            elif message[:1] == b"\0":
                self._wanted.discard(prefix)

    def wants(self, topic: str) -> bool:
        """Tell if anybody wants *topic*, or one below it."""
        return any(topic.startswith(prefix) or prefix.startswith(topic) for prefix in self._wanted)

    def begin_round(self) -> None:
        """Note that what there is to tell is told anew from now on."""
        self._before, self._told = self._told, {}

    def publish(self, name: str, stat: Mapping[str, Any]) -> None:
        """Send what there is to tell of *name*; a ``subtopic`` in it is part of the topic."""
        topic = f"stat.{name}.{stat['subtopic']}" if "subtopic" in stat else f"stat.{name}"
        self.socket.send(topic.encode(), _MORE)
        self.socket.send(self._encoded(topic, stat).encode(), zmq.NOBLOCK)

    def _encoded(self, topic: str, stat: Mapping[str, Any]) -> str:
        """Return *stat* as JSON; of a process that sleeps nothing but its age is another one than the last time."""
        rest = {key: value for key, value in stat.items() if key != "age"}
        last = self._before.get(topic)
        told = self._told[topic] = last if last and last[0] == rest else (rest, _ENCODER.encode(rest))
        if "age" not in stat:
            return told[1]
        age = stat["age"]
        return f'{told[1][:-1]}, "age": {repr(age) if type(age) is float else _ENCODER.encode(age)}}}'

    def stop(self) -> None:
        """Close the socket. May be called twice."""
        self._endpoint.close()
        if self._own_context is not None:
            self._own_context.term()
