"""Streams to standard output: plain, fancy, JSON."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from circus_core.errors import OptionError
from circus_core.interfaces import Chunk, Stream
from circus_streams.fancy_stdout import FancyStdoutStream
from circus_streams.file import FileStream
from circus_streams.json import JsonStream
from circus_streams.stdout import StdoutStream
from circus_streams.timed_rotating_file import TimedRotatingFileStream
from circus_streams.watched_file import WatchedFileStream


def chunk(data: bytes, wid: int = 2) -> Chunk:
    return Chunk(data, 7351, "stderr", "web", wid, 1_700_000_000.25)


@contextmanager
def stdout_is(fd: int) -> Iterator[None]:
    saved = os.dup(1)
    os.dup2(fd, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def written(stream: Stream, data: bytes, path: Path) -> bytes:
    """Return what *stream* writes when standard output is a file."""
    with path.open("wb") as file, stdout_is(file.fileno()):
        stream.open()
        stream.write(chunk(data))
        stream.close()
    return path.read_bytes()


def shown(stream: Stream, *chunks: Chunk) -> bytes:
    """Return what *stream* writes when standard output is a terminal."""
    master, slave = pty.openpty()
    with stdout_is(slave):
        stream.open()
        for each in chunks:
            stream.write(each)
        stream.close()
    os.close(slave)
    data = b""
    with suppress(OSError):  # how Linux tells the end of a terminal
        while part := os.read(master, 10_000):
            data += part
    os.close(master)
    return data.replace(b"\r\n", b"\n")


def test_stdout_copies(tmp_path: Path) -> None:
    stream = StdoutStream(refresh_time="1")

    assert written(stream, b"one\ntwo", tmp_path / "out") == b"one\ntwo"
    assert not stream.may_block


def test_stdout_may_block_on_a_pipe() -> None:
    read, write = os.pipe()
    stream = StdoutStream()
    with stdout_is(write):
        stream.open()
        stream.write(chunk(b"one\n"))

    assert os.read(read, 100) == b"one\n"
    assert stream.may_block
    stream.close()
    os.close(read)
    os.close(write)


def test_stdout_that_is_not_blocking_gets_everything() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    stream = StdoutStream()
    with stdout_is(write):
        stream.open()
    data = b"x" * 1_000_000 + b"\n"
    writer = Thread(target=stream.write, args=[chunk(data)])
    writer.start()

    with open(read, "rb") as file:
        assert file.read(len(data)) == data
    writer.join(10)
    stream.close()
    os.close(write)


def test_standard_output_is_never_moved_away(tmp_path: Path) -> None:
    data = b"one 1\ntwo 2\nthree 3\n"
    before = os.readlink("/dev/stdout")

    assert written(FileStream("/dev/stdout", max_bytes=10, backup_count=2), data, tmp_path / "size") == data
    assert written(WatchedFileStream("/dev/stdout"), data, tmp_path / "watched") == data
    assert written(TimedRotatingFileStream("/dev/stdout", rotate_when="S"), data, tmp_path / "time") == data
    assert os.readlink("/dev/stdout") == before


def test_fancy_is_plain_without_a_terminal(tmp_path: Path) -> None:
    stream = FancyStdoutStream(color="green", time_format="now")

    assert written(stream, b"one\ntwo", tmp_path / "out") == b"now [7351] | one\nnow [7351] | two\n"


def test_fancy_colours_a_terminal() -> None:
    stream = FancyStdoutStream(color="Green", time_format="now")

    assert shown(stream, chunk(b"one\n")) == b"\033[32mnow [7351] | one\033[0m\n"


def test_fancy_gives_each_process_a_colour() -> None:
    stream = FancyStdoutStream(time_format="now")

    first, second, again = shown(stream, chunk(b"a\n", 1), chunk(b"b\n", 2), chunk(b"a\n", 1)).splitlines()
    assert first == again
    assert first[:5] != second[:5]


def test_fancy_has_no_colour_when_asked_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert shown(FancyStdoutStream(time_format="now"), chunk(b"one\n")) == b"now [7351] | one\n"


def test_fancy_refuses_an_unknown_colour() -> None:
    with pytest.raises(OptionError, match="color = 'pink': no such color; write one of red, green"):
        FancyStdoutStream(color="pink")


def test_json_lines(tmp_path: Path) -> None:
    stream = JsonStream()

    lines = written(stream, b'say "hi"\n\nna\xc3\xafve \xff\n', tmp_path / "out").splitlines()

    assert [json.loads(line) for line in lines] == [
        {"time": 1_700_000_000.25, "watcher": "web", "wid": 2, "pid": 7351, "stream": "stderr", "message": message}
        for message in ('say "hi"', "", "na\u00efve \ufffd")
    ]


def test_json_to_a_file_that_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    stream = JsonStream(str(path), max_bytes=200, backup_count=5)
    stream.open()

    stream.write(chunk(b"".join(b"line %d\n" % n for n in range(6))))

    files = [*sorted(tmp_path.glob("web.json.*"), reverse=True), path]
    lines = b"".join(file.read_bytes() for file in files).splitlines()
    assert [json.loads(line)["message"] for line in lines] == [f"line {n}" for n in range(6)]
    assert len(files) > 3
    stream.close()
