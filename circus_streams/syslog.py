"""``SyslogStream``: one message a line to the system's log, as RFC 5424 says."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime
from typing import Any, Final

from circus_core.errors import OptionError, ShortWriteError
from circus_core.interfaces import Chunk
from circus_streams._callable import CallableStream
from circus_streams._options import option

_FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
    *("ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
_INFO, _ERROR = 6, 3
_DEFAULT_PORT: Final = 514
_MAX_MESSAGE: Final = 8192  # a longer line is sent in parts: what receivers commonly take, and fits a datagram


class SyslogStream(CallableStream):
    """Send each line as a message of RFC 5424: severity info for stdout, error for stderr.

    :param address: path of a local socket, or ``udp://host:port``
    :param facility: such as ``daemon`` or ``local0``
    :param app_name: the name of the application, by default the watcher's
    """

    def __init__(
        self, address: str = "/dev/log", facility: str = "daemon", app_name: str | None = None, **_ignored: Any
    ) -> None:
        self._address = option(
            "address", address, _parse_address, fix="write the path of a socket such as /dev/log, or udp://host:514"
        )
        word = facility.strip().lower()
        if word not in _FACILITIES:
            raise OptionError(
                "facility", facility, why="no such facility", fix=f"write one of {', '.join(_FACILITIES)}"
            )
        self._facility = _FACILITIES.index(word)
        self._app_name = app_name
        self._host = _word(socket.gethostname(), 255)
        self._socket: socket.socket | None = None
        self._end = b""

    def open(self) -> None:
        self.close()
        if isinstance(self._address, str):
            self._socket, self._end = _connect_local(self._address)
        else:
            self._socket, self._end = _connect_udp(*self._address), b""

    def reopen(self) -> None:
        self.open()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def write(self, chunk: Chunk) -> None:
        if self._socket is None:
            self.open()
        assert self._socket is not None
        head = self._head(chunk)
        left = len(chunk.data)
        for line in chunk.data.removesuffix(b"\n").split(b"\n"):
            try:
                for start in range(0, len(line), _MAX_MESSAGE):
                    self._socket.sendall(head + line[start : start + _MAX_MESSAGE] + self._end)
            except OSError as exc:
                self.close()  # the next chunk looks for a receiver again
                raise ShortWriteError(exc, untaken=left) from exc
            left -= len(line) + 1

    def _head(self, chunk: Chunk) -> bytes:
        priority = self._facility * 8 + (_ERROR if chunk.name == "stderr" else _INFO)
        moment = datetime.fromtimestamp(chunk.time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        name = _word(self._app_name or chunk.watcher, 48)
        return f"<{priority}>1 {moment} {self._host} {name} {chunk.pid} {_word(chunk.name, 32)} - ".encode()


def _parse_address(text: str) -> str | tuple[str, int]:
    address = text.strip()
    if address.startswith("/"):
        return address
    match = re.fullmatch(r"(?:syslog|udp)://(\[[^]]+]|[^:/]+)(?::(\d+))?/?", address)
    if match is None or int(match[2] or _DEFAULT_PORT) > 65535:
        raise ValueError("not an address")
    return match[1].strip("[]"), int(match[2] or _DEFAULT_PORT)


def _connect_local(path: str) -> tuple[socket.socket, bytes]:
    """Return a socket connected to *path* and what ends a message on it."""
    for kind, end in ((socket.SOCK_DGRAM, b""), (socket.SOCK_STREAM, b"\n")):
        connection = socket.socket(socket.AF_UNIX, kind)
        try:
            connection.connect(path)
        except OSError as exc:
            connection.close()
            error = exc
        else:
            return connection, end
    raise error


def _connect_udp(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    connection = socket.socket(family, kind, proto)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _word(text: str, limit: int) -> str:
    """Return *text* as a field of the header: printable ASCII without blanks."""
    return re.sub(r"[^!-~]", "_", text)[:limit] or "-"
