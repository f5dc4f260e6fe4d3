"""Every built-in stream on a real target that rotates, each with a way to read back the lines that it was given."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any, BinaryIO

from circus_core.interfaces import Stream
from circus_streams.fancy_stdout import FancyStdoutStream
from circus_streams.file import FileStream
from circus_streams.json import JsonStream
from circus_streams.queue import QueueStream
from circus_streams.stdout import StdoutStream
from circus_streams.syslog import SyslogStream
from circus_streams.timed_rotating_file import TimedRotatingFileStream
from circus_streams.watched_file import WatchedFileStream

Lines = Iterable[bytes]
Opened = AbstractContextManager[tuple[Stream, Callable[[], Lines]]]
"""A stream, and what returns the lines that it was given, without their ends, once nothing more comes."""

MAX_BYTES = 200_000


def file_stream(folder: Path, max_bytes: int = MAX_BYTES, **options: Any) -> Opened:
    return _plain(
        FileStream(str(folder / "out.log"), max_bytes=max_bytes, backup_count=1000, **options),
        lambda: lines_of(folder),
    )


def file_stream_with_time(folder: Path, max_bytes: int = MAX_BYTES) -> Opened:
    stream = FileStream(str(folder / "out.log"), max_bytes=max_bytes, backup_count=1000, time_format="%H:%M")
    return _plain(stream, lambda: map(_behind_the_bar, lines_of(folder)))


def timed(folder: Path, max_bytes: int = MAX_BYTES) -> Opened:
    stream = TimedRotatingFileStream(str(folder / "out.log"), rotate_when="S")
    return _plain(stream, lambda: lines_of(folder, age=str))


@contextmanager
def _plain(stream: Stream, read: Callable[[], Lines]) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    yield stream, read


@contextmanager
def watched(folder: Path, max_bytes: int = MAX_BYTES) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    """The file is moved away every 10 ms."""
    path, done = folder / "out.log", Event()

    def rotate() -> None:
        number = 100_000
        while not done.wait(0.01):
            if path.exists():
                number -= 1
                path.rename(folder / f"out.log.{number}")

    with _thread(rotate) as rotator:

        def read() -> Lines:
            done.set()
            rotator.join()
            return lines_of(folder)

        yield WatchedFileStream(str(path)), read


@contextmanager
def queue(folder: Path, max_bytes: int = MAX_BYTES) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    stream, spool = QueueStream(), BytesIO()

    def collect() -> None:
        while data := stream.get()["data"]:
            spool.write(data)

    with _thread(collect) as reader:

        def read() -> Lines:
            stream.put({"data": b""})
            reader.join()
            return _lines(spool)

        yield stream, read


@contextmanager
def stdout(
    stream: Stream, folder: Path, max_bytes: int = MAX_BYTES, *, parse: Callable[[bytes], bytes]
) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    """Standard output is a pipe."""
    reading, writing = os.pipe()
    spool = BytesIO()

    def collect() -> None:
        while part := os.read(reading, 65536):
            spool.write(part)

    saved = os.dup(1)
    os.dup2(writing, 1)
    os.close(writing)
    with _thread(collect) as reader:

        def read() -> Lines:
            os.dup2(saved, 1)
            reader.join()
            return map(parse, _lines(spool))

        yield stream, read
    os.close(saved)
    os.close(reading)


@contextmanager
def syslog(folder: Path, max_bytes: int = MAX_BYTES) -> Iterator[tuple[Stream, Callable[[], Lines]]]:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(folder / "log"))
    spool = BytesIO()

    def collect() -> None:
        while message := receiver.recv(70_000):
            spool.write(message.partition(b" - ")[2] + b"\n")

    with closing(receiver), _thread(collect) as reader:

        def read() -> Lines:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", receiver.getsockname())
            reader.join()
            return _lines(spool)

        yield SyslogStream(str(folder / "log")), read


@contextmanager
def _thread(target: Callable[[], None]) -> Iterator[Thread]:
    thread = Thread(target=target)
    thread.start()
    yield thread
    thread.join()


def _behind_the_bar(line: bytes) -> bytes:
    return line.partition(b" | ")[2]


def _message(line: bytes) -> bytes:
    message: str = json.loads(line)["message"]
    return message.encode()


def _by_number(file: Path) -> int:
    return -int(file.suffix[1:])


def lines_of(folder: Path, age: Callable[[Path], Any] = _by_number) -> Iterator[bytes]:
    """Yield the lines of all files, the oldest file first by *age*; each file must end with a whole line."""
    current = folder / "out.log"
    old = sorted((file for file in folder.iterdir() if file != current), key=age)
    for path in (*old, current):
        if path.exists():
            with path.open("rb") as file:
                yield from _lines(file)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, which must end with a whole one."""
    file.seek(0)
    for line in file:
        assert line.endswith(b"\n"), "it ends in the middle of a line"
        yield line[:-1]


STREAMS: dict[str, Callable[..., Opened]] = {
    "FileStream": file_stream,
    "FileStream-time_format": file_stream_with_time,
    "WatchedFileStream": watched,
    "TimedRotatingFileStream": timed,
    "QueueStream": queue,
    "StdoutStream": lambda *where: stdout(StdoutStream(), *where, parse=bytes),
    "FancyStdoutStream": lambda *where: stdout(FancyStdoutStream(), *where, parse=_behind_the_bar),
    "JsonStream": lambda *where: stdout(JsonStream(), *where, parse=_message),
    "SyslogStream": syslog,
}
