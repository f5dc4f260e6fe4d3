"""A subscriber of the stats endpoint, written from the events reference alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pytest
import zmq

LAST = "stat.circus"
"""The topic that ends what is told of processes in a round."""


@dataclass(frozen=True)
class Stat:
    """One message as it came."""

    topic: str
    data: dict[str, Any]


class Stats:
    """Gets all messages whose topic begins with a text."""

    def __init__(self, endpoint: str, topic: str = "stat.") -> None:
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = 0
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.subscribe(topic.encode())
        self._socket.connect(endpoint)

    def __enter__(self) -> Stats:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def next(self, timeout: float = 10.0) -> Stat:
        """Return the next message."""
        if not self._socket.poll(int(1000 * timeout)):
            pytest.fail(f"no statistics within {timeout:g}s")
        topic, body = self._socket.recv_multipart()
        return Stat(topic.decode("ascii"), json.loads(body))

    def until(self, wanted: Callable[[Stat], object], what: str, timeout: float = 15.0) -> Stat:
        """Return the first message that is *wanted*."""
        limit = time.monotonic() + timeout
        last = None
        while time.monotonic() < limit:
            last = self.next()
            if wanted(last):
                return last
        pytest.fail(f"waited {timeout:g}s for {what}; last: {last}")

    def round(self) -> dict[str, dict[str, Any]]:
        """Return topic to data of one whole round: all that comes between two ends of rounds."""
        self.until(lambda stat: stat.topic == LAST, "the end of a round")
        found: dict[str, dict[str, Any]] = {}
        while LAST not in found:
            stat = self.next()
            found[stat.topic] = stat.data
        return found
