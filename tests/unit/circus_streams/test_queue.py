"""``QueueStream``: output for a program that embeds circus."""

from __future__ import annotations

from threading import Thread

import pytest

from circus_core.interfaces import Chunk
from circus_streams import queue
from circus_streams.queue import QueueStream
from tests.support.waiting import wait_for


def test_what_is_written_is_got() -> None:
    stream = QueueStream(refresh_time="1")

    stream.write(Chunk(b"one\n", 7351, "stdout", "web", 1, 12.5))

    assert stream.get_nowait() == {"data": b"one\n", "pid": 7351, "name": "stdout", "timestamp": 12.5}
    assert stream.empty()


def test_it_can_be_called() -> None:
    stream = QueueStream()

    stream({"data": "na\u00efve", "pid": 3, "name": "stderr", "timestamp": 1.0})

    assert stream.get_nowait() == {"data": "na\u00efve".encode(), "pid": 3, "name": "stderr", "timestamp": 1.0}


def test_a_full_queue_waits_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_BYTES", 1000)
    stream = QueueStream()
    writer = Thread(target=lambda: [stream.write(Chunk(b"x" * 900, n, "stdout", "web", 1, 0.0)) for n in range(3)])
    writer.start()
    wait_for(lambda: stream.qsize() == 1, "the first chunk")

    assert [stream.get()["pid"] for _ in range(3)] == [0, 1, 2]
    writer.join(10)
