"""The listening socket of a ZeroMQ endpoint: made without libzmq, kept for the next arbiter."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from contextlib import suppress
from typing import Final

from circus_core._addresses import parts_of
from circus_core._descriptors import open_fds
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import Spawner

_BACKLOG: Final = 100  #: that of libzmq
_LONGEST_PATH: Final = 107  #: bytes; one of 108 has no room for its end


@dataclass(frozen=True, slots=True)
class Kept:
    """A listening socket that the arbiter before had.

    :param fd: the caller's
    :param address: as clients connect to it
    :param file: device and inode of its path
    """

    fd: int
    address: str
    file: tuple[int, int] | None


class KeptListener:
    """One listening socket, stored with the Spawner.

    :param name: what it is stored under
    """

    def __init__(self, spawner: Spawner, name: str) -> None:
        self._spawner = spawner
        self._name = name

    def fetch(self, asked: str) -> Kept | None:
        """Return what is stored, if it was bound to the address *asked*; else drop it."""
        stored = self._spawner.stored_fds().get(self._name)
        if stored is None:
            return None
        data = json.loads(stored[1])
        file = tuple(data["file"]) if data["file"] else None
        if data["asked"] == asked:
            return Kept(self._spawner.fetch_fd(self._name), data["address"], file)
        self.drop()
        return None

    def store(self, asked: str, address: str, file: tuple[int, int] | None, fd: int | None) -> None:
        """Store the socket that listens at *address*, which was bound as *asked*.

        :param fd: ``None`` for one that libzmq has made
        """
        fd = listening_fd(address) if fd is None else fd
        if fd is not None:
            metadata = json.dumps({"asked": asked, "address": address, "file": file})
            self._spawner.store_fd(self._name, fd, metadata)

    def drop(self) -> None:
        """Drop what is stored."""
        self._spawner.drop_fd(self._name)


def ipc_path(endpoint: str) -> str | None:
    """Return the path of an ``ipc://`` endpoint, ``None`` for another transport or an abstract name."""
    path = endpoint.removeprefix("ipc://")
    return path if path != endpoint and path[:1] not in ("", "@", "*") else None


def listen(address: str) -> socket.socket | None:
    """Return a socket that listens at a ZeroMQ *address*, ``None`` when only libzmq knows what it means.

    It takes the place of a socket file that is there, as libzmq does, which would delete any other file too.

    :raises OSError: the address cannot be had
    """
    if "\0" in address:
        return None
    path = ipc_path(address)
    if path is not None and len(os.fsencode(path)) <= _LONGEST_PATH:
        _make_place(path)
        return _listen(socket.socket(socket.AF_UNIX), path)
    _, host, port = parts_of(address)
    if port and _is_ipv4(host) and address == f"tcp://{host}:{port}":
        sock = socket.socket(socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _listen(sock, (host, port))
    return None


def _make_place(path: str) -> None:
    with suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not (stat.S_ISSOCK(mode) or stat.S_ISLNK(mode)):
            raise OSError(errno.ENOTSOCK, "something that is no socket is there")
        os.unlink(path)


def _listen(sock: socket.socket, address: str | tuple[str, int]) -> socket.socket:
    try:
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _is_ipv4(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def listening_fd(address: str) -> int | None:
    """Return the descriptor of this process that listens at a ZeroMQ *address*, which libzmq does not tell."""
    for fd in open_fds():
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(fd).st_mode) and _listens_at(fd, address):
                return fd
    return None


def _listens_at(fd: int, address: str) -> bool:
    with socket.socket(fileno=os.dup(fd)) as sock:
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        name = sock.getsockname()
        if sock.family == socket.AF_UNIX:
            path = name if isinstance(name, str) else name.decode(errors="replace").replace("\0", "@", 1)
            return address == f"ipc://{path}"
        return parts_of(address) == ("tcp", name[0], name[1])
