"""A pump that is suspended, and the one that goes on: nothing is cut, lost or written twice."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from circus_core.interfaces import Chunk, Stream
from circus_core.output import Pump
from circus_core.output.journal import Journal
from circus_core.output.kernel import Relay, bytes_in
from circus_core.values import OnError
from circus_streams.file import FileStream
from tests.support.waiting import wait_for


class Gate(Stream):
    """Writes to a file when it is open, and may block before that."""

    def __init__(self, path: Path) -> None:
        self.opened = threading.Event()
        self.came = threading.Event()
        self._path = path

    def write(self, chunk: Chunk) -> None:
        self.came.set()
        self.opened.wait()
        with self._path.open("ab") as file:
            file.write(chunk.data)


class Broken(Stream):
    """Takes nothing."""

    def __init__(self) -> None:
        self.came = threading.Event()

    def write(self, chunk: Chunk) -> None:
        self.came.set()
        raise OSError("broken")


def add(pump: Pump, pipe: int, stream: Stream, on_error: OnError = OnError.DROP) -> None:
    target = pump.target(stream, name="test", owner=(1, 1), on_error=on_error)
    pump.add(os.dup(pipe), target, watcher="web", wid=1, pid=1, name="stdout", child=1)
    pump.resume()
    pump.start()


def new_journal() -> tuple[Journal, int, int]:
    """Return a journal, and its descriptors as another process has them."""
    first = Journal.create()
    memory, relay = map(os.dup, first.filenos())
    return first, memory, relay


def run_on(memory: int, relay: int, pipe: int, stream: Stream) -> None:
    """Have another pump go on until all is written."""
    pump = Pump(journal=Journal(memory, Relay(relay)))
    add(pump, pipe, stream)
    pump.stop()


def test_an_unfinished_line_is_finished_by_the_next_pump(log: Path) -> None:
    (journal, *kept), (reader, writer) = new_journal(), os.pipe()
    first = Pump(journal=journal)
    add(first, reader, FileStream(str(log), time_format="%Y"))
    os.write(writer, b"one\ntw")
    wait_for(lambda: log.exists() and b"one" in log.read_bytes(), "the first line")

    first.suspend()
    os.write(writer, b"o\nthree\n")
    run_on(*kept, reader, FileStream(str(log), time_format="%Y"))

    assert [line.split()[-1] for line in log.read_text().splitlines()] == ["one", "two", "three"]


def test_what_is_queued_is_written_by_the_next_pump(log: Path) -> None:
    (journal, *kept), (reader, writer) = new_journal(), os.pipe()
    first, gate = Pump(journal=journal), Gate(log)
    add(first, reader, gate)
    os.write(writer, b"one\n")
    gate.came.wait(10)
    os.write(writer, b"two\n")
    wait_for(lambda: not bytes_in(reader), "the second line to be queued")

    threading.Timer(0.1, gate.opened.set).start()
    first.suspend()
    assert log.read_text() == "one\n"
    run_on(*kept, reader, FileStream(str(log)))

    assert log.read_text() == "one\ntwo\n"


def test_what_a_stream_did_not_take_is_the_next_ones(log: Path) -> None:
    (journal, *kept), (reader, writer) = new_journal(), os.pipe()
    first, broken = Pump(journal=journal), Broken()
    add(first, reader, broken, OnError.BLOCK)
    os.write(writer, b"one\n")
    broken.came.wait(10)

    first.suspend()
    assert first.stats().lost == {}
    run_on(*kept, reader, FileStream(str(log)))

    assert log.read_text() == "one\n"
