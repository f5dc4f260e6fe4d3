"""What holds for every built-in stream: each line arrives once, whole and in order, also while files are rotated."""

from __future__ import annotations

import json
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty
from threading import Event, Thread
from typing import Any

import pytest

from circus_core.interfaces import Chunk, Stream
from circus_core.output import Pump
from circus_streams.fancy_stdout import FancyStdoutStream
from circus_streams.file import FileStream
from circus_streams.json import JsonStream
from circus_streams.queue import QueueStream
from circus_streams.stdout import StdoutStream
from circus_streams.syslog import SyslogStream
from circus_streams.timed_rotating_file import TimedRotatingFileStream
from circus_streams.watched_file import WatchedFileStream
from tests.support.output import Child

Lines = Iterable[bytes]

# Writes lines of many lengths, many at a time, cut anywhere.
WRITER = """
import os, sys
name, count = sys.argv[1].encode(), int(sys.argv[2])
data = b"".join(b"%s %d %s\\n" % (name, n, b"x" * (n * 7919 % 211)) for n in range(count))
while data:
    data = data[os.write(1, data[:10007]):]
"""
WRITERS = 20
COUNT = 2000


def expected() -> dict[bytes, list[bytes]]:
    one = [b"%d %s" % (n, b"x" * (n * 7919 % 211)) for n in range(COUNT)]
    return {b"%d" % writer: one for writer in range(WRITERS)}


@contextmanager
def file_stream(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    path = tmp_path / "out.log"
    yield FileStream(str(path), max_bytes=200_000, backup_count=100), lambda: lines_of(tmp_path)


@contextmanager
def file_stream_with_time(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    stream = FileStream(str(tmp_path / "out.log"), max_bytes=200_000, backup_count=100, time_format="%H:%M")
    yield stream, lambda: (line.partition(b" | ")[2] for line in lines_of(tmp_path))


@contextmanager
def watched(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    path, done = tmp_path / "out.log", Event()

    def rotate() -> None:
        number = 1000
        while not done.wait(0.01):
            if path.exists():
                number -= 1
                path.rename(tmp_path / f"out.log.{number}")

    rotator = Thread(target=rotate)
    rotator.start()
    yield WatchedFileStream(str(path)), lambda: lines_of(tmp_path)
    done.set()
    rotator.join()


@contextmanager
def timed(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    yield TimedRotatingFileStream(str(tmp_path / "out.log"), rotate_when="S"), lambda: lines_of(tmp_path, age=str)


@contextmanager
def queue(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    stream = QueueStream()

    def items() -> Iterator[bytes]:
        while True:
            try:
                yield stream.get_nowait()["data"]
            except Empty:
                return

    yield stream, lambda: b"".join(items()).splitlines()


@contextmanager
def stdout(stream: Stream, read: Callable[[bytes], Lines]) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    """Standard output is a pipe with a slow reader."""
    reading, writing = os.pipe()
    parts: list[bytes] = []

    def collect() -> None:
        while part := os.read(reading, 65536):
            parts.append(part)

    reader = Thread(target=collect)
    reader.start()
    saved = os.dup(1)
    os.dup2(writing, 1)
    os.close(writing)

    def lines() -> Lines:
        os.dup2(saved, 1)
        os.close(saved)
        reader.join()
        os.close(reading)
        return read(b"".join(parts))

    yield stream, lines


@contextmanager
def syslog(tmp_path: Path) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))
    lines: list[bytes] = []

    def collect() -> None:
        while message := receiver.recv(70_000):
            lines.append(message.partition(b" - ")[2])

    reader = Thread(target=collect)
    reader.start()

    def collected() -> Lines:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", receiver.getsockname())
        reader.join()
        return lines

    with closing(receiver):
        yield SyslogStream(str(tmp_path / "log")), collected


def by_number(file: Path) -> int:
    return -int(file.suffix[1:])


def lines_of(folder: Path, age: Callable[[Path], Any] = by_number) -> Lines:
    """Return the lines of all files, the oldest file first by *age*; each file must end with a whole line."""
    current = folder / "out.log"
    old = sorted((file for file in folder.iterdir() if file != current), key=age)
    parts = [file.read_bytes() for file in (*old, current) if file.exists()]
    assert all(part.endswith(b"\n") for part in parts if part)
    return b"".join(parts).splitlines()


STREAMS = {
    "FileStream": file_stream,
    "FileStream-time_format": file_stream_with_time,
    "WatchedFileStream": watched,
    "TimedRotatingFileStream": timed,
    "QueueStream": queue,
    "StdoutStream": lambda _: stdout(StdoutStream(), lambda data: data.splitlines()),
    "FancyStdoutStream": lambda _: stdout(
        FancyStdoutStream(), lambda data: (line.partition(b" | ")[2] for line in data.splitlines())
    ),
    "JsonStream": lambda _: stdout(
        JsonStream(), lambda data: (json.loads(line)["message"].encode() for line in data.splitlines())
    ),
    "SyslogStream": syslog,
}


@pytest.mark.parametrize("name", STREAMS)
def test_each_line_arrives_once_whole_and_in_order(name: str, tmp_path: Path) -> None:
    pump = Pump()
    pump.start()
    with STREAMS[name](tmp_path) as (stream, collect):
        target = pump.target(stream, name=name)
        children = [Child(pump, target, WRITER, str(n), str(COUNT), wid=n + 1) for n in range(WRITERS)]
        for child in children:
            child.finish()
        pump.stop()

        seen = defaultdict(list)
        for line in collect():
            writer, _, rest = line.partition(b" ")
            seen[writer].append(rest)
        assert seen == expected()
        assert pump.stats().lost == {}


def built_in_streams() -> list[str]:
    text = Path("setup.cfg").read_text().partition("circus.streams =\n")[2].partition("[")[0]
    return [line.partition(":")[2] for line in text.split() if ":" in line]


def test_every_built_in_stream_is_tested_here() -> None:
    assert {name.partition("-")[0] for name in STREAMS} == set(built_in_streams())


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_closes_twice_and_opens_again(name: str, tmp_path: Path) -> None:
    with STREAMS[name](tmp_path) as (stream, collect):
        for _ in range(2):
            stream.open()
            stream.write(Chunk(b"one\n", 1, "stdout", "web", 1, 1_700_000_000.0))
            stream.close()
            stream.close()

        assert list(collect()) == [b"one", b"one"]
