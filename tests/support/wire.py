"""Clients of the two endpoints, written from the protocol reference alone: nothing of ours helps them."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pytest
import zmq

from tests.support.waiting import PATIENCE

Reply = dict[str, Any]


class Wire:
    """One connection to the command endpoint: a DEALER socket."""

    def __init__(self, endpoint: str, *, timeout: float = PATIENCE) -> None:
        self.timeout = timeout
        self._endpoint = endpoint
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.identity = uuid.uuid4().hex.encode()
        self._socket.connect(endpoint)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; may be called twice."""
        self._socket.close()

    def send_frames(self, *frames: bytes) -> None:
        """Send one message of these frames, whatever they are."""
        self._socket.send_multipart(frames)

    def send(self, command: str, /, **properties: Any) -> str:
        """Send a command and return the id of its message, not waiting for the reply."""
        message_id = uuid.uuid4().hex
        self.send_frames(json.dumps({"id": message_id, "command": command, "properties": properties}).encode())
        return message_id

    def receive_frames(self, timeout: float | None = None) -> list[bytes] | None:
        """Return the frames of the next message, ``None`` when there is none in time."""
        if not self._socket.poll(int(1000 * (self.timeout if timeout is None else timeout))):
            return None
        return self._socket.recv_multipart()

    def receive(self, timeout: float | None = None) -> Reply | None:
        """Return the next reply, ``None`` when there is none in time."""
        frames = self.receive_frames(timeout)
        if frames is None:
            return None
        assert len(frames) == 1, f"a reply of {len(frames)} frames: {frames!r}"
        reply = json.loads(frames[0])
        assert isinstance(reply, dict), reply
        return reply

    def ask(self, command: str, /, *, timeout: float | None = None, **properties: Any) -> Reply:
        """Send a command and return its reply, an error reply too; fail when there is none."""
        message_id = self.send(command, **properties)
        limit = time.monotonic() + (self.timeout if timeout is None else timeout)
        while (left := limit - time.monotonic()) > 0:
            reply = self.receive(left)
            if reply is not None and reply.get("id") == message_id:
                return reply
        pytest.fail(f"no reply to {command!r} {properties} from {self._endpoint}")


@dataclass(frozen=True)
class Published:
    """One event as it came: its topic in parts, what was sent with it."""

    topic: str
    data: dict[str, Any]

    @property
    def watcher(self) -> str:
        return self.topic.split(".", 1)[1].rpartition(".")[0]

    @property
    def action(self) -> str:
        return self.topic.rpartition(".")[2]


class Events:
    """A subscriber that is known to be connected, with all that it got since."""

    def __init__(self, endpoint: str, mark: Callable[[], float], mark_topic: str) -> None:
        """Subscribe, then return when an event provably arrives.

        :param mark: makes the daemon publish *mark_topic*, returns the daemon's time after that
        """
        self._mark = mark
        self._mark_topic = mark_topic
        self._seen: list[Published] = []
        self._since = 0.0
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = 0
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.subscribe(b"")
        self._socket.connect(endpoint)
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            self._since = mark()
            if self._socket.poll(50):
                return
        self._socket.close()
        pytest.fail(f"no event arrives from {endpoint}")

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def _take(self, timeout: float) -> None:
        if not self._socket.poll(int(1000 * timeout)):
            return
        frames = self._socket.recv_multipart()
        assert len(frames) == 2, f"an event of {len(frames)} frames: {frames!r}"
        event = Published(frames[0].decode("ascii"), json.loads(frames[1]))
        if event.data["time"] > self._since:
            self._seen.append(event)

    def so_far(self) -> list[Published]:
        """Return all that was published before this call; what is not in it was not published."""
        self._mark()
        return self.until(self._mark_topic)[:-1]

    def until(self, topic: str, *, count: int = 1, timeout: float = PATIENCE) -> list[Published]:
        """Return all events up to the *count*-th of *topic*; fail when it does not come."""
        limit = time.monotonic() + timeout
        for end in itertools.count():
            while end >= len(self._seen):
                left = limit - time.monotonic()
                if left <= 0:
                    pytest.fail(f"waited {timeout:g}s for event {topic} ({count}); came: {names(self._seen)}")
                self._take(left)
            count -= self._seen[end].topic == topic
            if not count:
                found, self._seen = self._seen[: end + 1], self._seen[end + 1 :]
                return found
        raise AssertionError


def names(events: Sequence[Published], watcher: str | None = None) -> list[str]:
    """Return the actions of *events*, of one watcher or as ``watcher.action`` of all."""
    if watcher is None:
        return [f"{event.watcher}.{event.action}" for event in events]
    return [event.action for event in events if event.watcher == watcher]
