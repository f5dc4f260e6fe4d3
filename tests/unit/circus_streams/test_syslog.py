"""``SyslogStream``: what receivers get."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.errors import OptionError, ShortWriteError
from circus_core.interfaces import Chunk
from circus_streams.syslog import SyslogStream


def chunk(data: bytes, name: str = "stdout") -> Chunk:
    return Chunk(data, 7351, name, "my web", 1, 1_700_000_000.25)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(5)
        yield receiver


def test_each_line_is_a_message(receiver: socket.socket) -> None:
    stream = SyslogStream(receiver.getsockname(), facility="local3")
    stream.open()

    stream.write(chunk(b"one\n\ntwo"))
    stream.write(chunk(b"three\n", "stderr"))

    host = re.sub("[^!-~]", "_", socket.gethostname()).encode()
    head = b"1 2023-11-14T22:13:20.250000Z " + host + b" my_web 7351 "
    assert [receiver.recv(10_000) for _ in range(3)] == [
        b"<158>" + head + b"stdout - one",
        b"<158>" + head + b"stdout - two",
        b"<155>" + head + b"stderr - three",
    ]
    stream.close()
    stream.close()


def test_a_long_line_is_sent_in_parts(receiver: socket.socket) -> None:
    stream = SyslogStream(receiver.getsockname())
    stream.open()

    stream.write(chunk(b"x" * 8192 + b"yz\n"))

    assert receiver.recv(10_000).endswith(b" - " + b"x" * 8192)
    assert receiver.recv(10_000).endswith(b" - yz")
    stream.close()


def test_a_stream_socket_gets_lines(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.listen()
        stream = SyslogStream(str(tmp_path / "log"))
        stream.open()
        stream.write(chunk(b"one\ntwo\n"))
        stream.close()

        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as file:
            assert [line.rpartition(b" ")[2] for line in file] == [b"one\n", b"two\n"]


def test_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        stream = SyslogStream(f"udp://127.0.0.1:{receiver.getsockname()[1]}", app_name="shop")
        stream.open()
        stream.write(chunk(b"one\n"))

        assert receiver.recv(10_000).endswith(b" shop 7351 stdout - one")
        stream.close()


def test_a_receiver_that_went_is_a_fault_until_it_is_back(tmp_path: Path, receiver: socket.socket) -> None:
    stream = SyslogStream(receiver.getsockname())
    stream.open()
    stream.write(chunk(b"one\n"))
    receiver.close()
    with pytest.raises(ShortWriteError) as caught:
        stream.write(chunk(b"lost\n"))
    assert caught.value.untaken == 5

    (tmp_path / "log").unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(tmp_path / "log"))
        stream.write(chunk(b"two\n"))
        assert again.recv(10_000).endswith(b" two")
    stream.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "dev/log"}, "address = 'dev/log': not an address; write the path of a socket such as /dev/log"),
        ({"address": "udp://h:99999"}, "address = 'udp://h:99999': not an address"),
        ({"facility": "local8"}, "facility = 'local8': no such facility; write one of kern, user"),
    ],
)
def test_a_bad_option_is_refused_by_name(options: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        SyslogStream(**options)
