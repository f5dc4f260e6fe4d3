"""Answers datagrams to the multicast endpoint with the address of the command endpoint."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import suppress
from typing import Final

from circus_core._addresses import parts_of

_log: Final = logging.getLogger("circus")

_DATAGRAM: Final = 1024
_BATCH: Final = 32  # answers in one go: a flood must not hold up the loop
_TTL: Final = 255


class Discovery:
    """Answers any datagram with ``{"endpoint": ...}``; open it on the loop, close it there.

    :param multicast_endpoint: ``udp://group:port``; empty for no discovery
    :param endpoint: the answer
    """

    def __init__(self, multicast_endpoint: str, endpoint: str) -> None:
        self._multicast_endpoint = multicast_endpoint
        self._answer = json.dumps({"endpoint": endpoint}).encode()
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Listen from now on. What stands in the way is logged as a warning, and nobody is answered."""
        if not self._multicast_endpoint:
            return
        try:
            group, port = _parse(self._multicast_endpoint)
            self._socket = join(group, port)
        except (ValueError, OSError) as exc:
            _log.warning(
                "multicast discovery is off: [circus] multicast_endpoint = %r: %s", self._multicast_endpoint, exc
            )
            return
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Listen no more. May be called twice."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(_BATCH):
            try:
                _, sender = self._socket.recvfrom(_DATAGRAM)
            except OSError:  # nothing left, or a former asker is unreachable
                return
            with suppress(OSError):
                self._socket.sendto(self._answer, sender)


def _parse(endpoint: str) -> tuple[str, int]:
    scheme, host, port = parts_of(endpoint)
    if scheme.lower() != "udp" or not host or not port:
        raise ValueError("not of the form udp://group:port")
    try:
        first = socket.inet_pton(socket.AF_INET, host)[0]
    except OSError:
        first = 0
    if not 224 <= first <= 239:
        raise ValueError(f"{host} is no multicast group; write one from 224.0.0.0 to 239.255.255.255")
    return host, port


def join(group: str, port: int) -> socket.socket:
    """Return a socket that listens to a multicast group.

    :raises OSError: the system refuses
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TTL)
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("0.0.0.0")
        )
        sock.bind(("0.0.0.0", port))
    except OSError:
        sock.close()
        raise
    return sock
