"""The queue of a stream with a thread of its own."""

from __future__ import annotations

from threading import Event, Semaphore

from circus_core.interfaces import Chunk, Stream
from circus_core.output.faults import Faults, Losses
from circus_core.output.guard import GuardedStream
from circus_core.output.writers import QUEUE_BYTES, Writer
from tests.support.waiting import wait_for


class Gated(Stream):
    """Writes as often as it is let."""

    def __init__(self) -> None:
        self.may = Semaphore(0)

    def write(self, chunk: Chunk) -> None:
        self.may.acquire()


def test_who_saw_it_full_is_told_of_room_though_another_found_some_before() -> None:
    stream, room = Gated(), Event()
    guard = GuardedStream(stream, Faults("web stdout", Losses()))
    writer = Writer(guard, [], is_patient=lambda: False, on_room=room.set, on_direct=lambda: None)
    for _ in range(5):
        writer.put(Chunk(bytes(QUEUE_BYTES // 4), 1, "stdout", "web", 1, 0.0))
    assert writer.is_full()

    stream.may.release(2)
    wait_for(lambda: writer.done == 2, "two writes")
    assert not writer.is_full()
    assert not room.is_set()
    stream.may.release(3)

    assert room.wait(10)
    writer.end()
    assert writer.join(10)
