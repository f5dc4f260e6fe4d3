"""What the Linux kernel tells of sockets by netlink: ``sock_diag(7)``."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from circus_core.quick_dataclass import dataclass

LISTEN: Final = 1 << 10
"""The state of a socket that listens, as a mask."""

CONNECTIONS: Final = 0xFFF & ~(LISTEN | 1 << 3 | 1 << 6 | 1 << 7)
"""The states of a connection that somebody has or had: all but those of half an open one and of one that is over."""

ANY_STATE: Final = 0xFFFFFFFF

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_DONE, _ERROR = 3, 2
_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_HEADER: Final = struct.Struct("=IHHII")
_INET_REQUEST: Final = struct.Struct("=BBBBI")
_PORTS: Final = struct.Struct("!HH")
_UNIX_REQUEST: Final = struct.Struct("=BBHIIIQ")
_INODE: Final = struct.Struct("=I")
_UNIX_SHOW: Final = 0x11  # name, lengths of queues
_UNIX_NAME, _UNIX_QUEUE = 0, 4
_LISTENS: Final = 10  # TCP_LISTEN, of unix sockets too
_INET_QUEUES: Final = struct.Struct("=II")
_INET_QUEUES_AT: Final = 56
_PEER: Final = slice(_HEADER.size + 6, _HEADER.size + 8)  # the port of the other end
_ANY_COOKIE: Final = 0xFFFFFFFFFFFFFFFF
_DESTROYED_GROUPS: Final = 1 << 0 | 1 << 2  # SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class InetSocket:
    """A TCP or UDP socket.

    :param waiting: connections in the queue of one that listens, else bytes that nobody has read
    :param limit: how many connections fit in that queue
    """

    address: str
    port: int
    waiting: int
    limit: int


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A unix socket that has a path; see :class:`InetSocket`."""

    path: str
    inode: int
    is_listening: bool
    waiting: int
    limit: int


class SocketDiag:
    """Asks the kernel for sockets.

    :raises OSError: this system has no such thing
    """

    def __init__(self) -> None:
        self._netlink = _open()
        self._netlink.settimeout(1.0)
        self._sequence = 0

    def close(self) -> None:
        """Close the connection to the kernel. May be called twice."""
        self._netlink.close()

    def inet_sockets(
        self,
        family: int,
        states: int,
        ports: Collection[int],
        *,
        protocol: int = socket.IPPROTO_TCP,
    ) -> list[InetSocket]:
        """Return the sockets of a family that are in one of *states* and bound to one of *ports*."""
        port = next(iter(ports)) if len(ports) == 1 else 0  # the kernel can look for one, or give all
        request = _INET_REQUEST.pack(family, protocol, 0, 0, states) + _PORTS.pack(port, 0) + bytes(44)
        size = 4 if family == socket.AF_INET else 16
        found = []
        for body in self._ask(request):
            port = _PORTS.unpack_from(body, 4)[0]
            if port in ports:
                queues = _INET_QUEUES.unpack_from(body, _INET_QUEUES_AT)
                found.append(InetSocket(socket.inet_ntop(family, body[8 : 8 + size]), port, *queues))
        return found

    def unix_sockets(self, states: int, inodes: Collection[int] | None = None) -> list[UnixSocket]:
        """Return the unix sockets in one of *states* that have a path, with *inodes* only those."""
        request = _UNIX_REQUEST.pack(socket.AF_UNIX, 0, 0, states, 0, _UNIX_SHOW, _ANY_COOKIE)
        found = []
        for body in self._ask(request):
            inode = _INODE.unpack_from(body, 4)[0]
            if inodes is not None and inode not in inodes:
                continue
            attributes = dict(_attributes(body, 16))
            name = attributes.get(_UNIX_NAME, b"").rstrip(b"\0")
            if name and name[0] and _UNIX_QUEUE in attributes:
                queues = struct.unpack("=II", attributes[_UNIX_QUEUE])
                found.append(UnixSocket(os.fsdecode(name), inode, body[2] == _LISTENS, *queues))
        return found

    def _ask(self, request: bytes) -> Iterator[bytes]:
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _DUMP, self._sequence, 0)
        self._netlink.send(header + request)
        while True:
            for kind, sequence, body in _messages(self._netlink.recv(1 << 16)):
                if sequence != self._sequence:
                    continue  # the rest of an answer that was given up
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise OSError(number, os.strerror(number))
                yield body


class Destroyed:
    """Counts the TCP connections of some ports that are over, as the kernel tells of each.

    :raises OSError: this system tells it nobody, or not us
    """

    def __init__(self, ports: Collection[int]) -> None:
        self._ports = set(ports)
        self._netlink = _open(_DESTROYED_GROUPS)
        self._netlink.setblocking(False)
        with contextlib.suppress(PermissionError):
            self._netlink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        _attach_filter(self._netlink, sorted(self._ports))
        self._buffer = bytearray(_HEADER.size + 24)

    def close(self) -> None:
        """Close the connection to the kernel. May be called twice."""
        self._netlink.close()

    def take(self) -> Counter[tuple[str, int]]:
        """Return (own address, port) to the number of connections that ended since the last call.

        They are fewer than there were when the kernel could not keep them all until this call.
        """
        counts: Counter[bytes] = Counter()
        receive, buffer = self._netlink.recv_into, self._buffer
        while True:
            try:
                receive(buffer)
            except BlockingIOError:
                return Counter({_address_and_port(key): count for key, count in counts.items()})
            except OSError:  # ENOBUFS
                continue
            buffer[_PEER] = b"\0\0"
            counts[bytes(buffer[_HEADER.size :])] += 1


def _address_and_port(start: bytes) -> tuple[str, int]:
    family = start[0]
    size = 4 if family == socket.AF_INET else 16
    return socket.inet_ntop(family, start[8 : 8 + size]), _PORTS.unpack_from(start, 4)[0]


def _open(groups: int = 0) -> socket.socket:
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError("no netlink on this system")
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        netlink.bind((0, groups))
    except OSError:
        netlink.close()
        raise
    return netlink


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        yield kind, sequence, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _attributes(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        yield kind, body[at + 4 : at + length]
        at += max(4, (length + 3) & ~3)


def _attach_filter(netlink: socket.socket, ports: list[int]) -> None:
    """Have the kernel drop what is about other ports: this runs for every connection of the machine that ends."""
    step = struct.Struct("=HBBI")
    load_port = step.pack(0x28, 0, 0, _HEADER.size + 4)  # ldh [at]
    tests = [step.pack(0x15, len(ports) - number, 0, port) for number, port in enumerate(ports)]  # jeq #port, accept
    program = b"".join([load_port, *tests, step.pack(0x06, 0, 0, 0), step.pack(0x06, 0, 0, 0xFFFF)])
    code = ctypes.create_string_buffer(program)
    fprog = struct.pack("HP", len(program) // step.size, ctypes.addressof(code))
    netlink.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
