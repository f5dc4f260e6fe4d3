"""Figures of managed sockets, from the kernel: who serves them, and in which language, does not matter."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from circus_core.procinfo import UNREADABLE
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.stats.netlink import (
    ANY_STATE,
    CONNECTIONS,
    LISTEN,
    Destroyed,
    InetSocket,
    SocketDiag,
    UnixSocket,
)

logger: Final = logging.getLogger("circus")

_WILDCARDS: Final = ("0.0.0.0", "::")
_UNIX_DATAGRAM: Final = 1 << 7
_UNIX_CONNECTED: Final = 1 << 1


@dataclass(slots=True)
class _Socket:
    """A managed socket and what was counted of it.

    :param reads: looks since it was told last that found something waiting
    :param ended: connections that are over, since it is watched
    :param told: of all connections that ever were accepted, how many were told
    """

    fd: int
    name: str
    host: str
    port: int
    path: str | None
    family: int
    reads: int = 0
    ended: int = 0
    told: int | None = None

    @property
    def address(self) -> str:
        return self.path if self.path is not None else f"{self.host}:{self.port}"

    def is_at(self, address: str, port: int) -> bool:
        """Tell if a connection with this address at our end came by this socket."""
        return port == self.port and self.path is None and (self.host in _WILDCARDS or self.host == address)


@dataclass(frozen=True, slots=True)
class _Queue:
    """What is in the queue of one that listens and fits in; of another one, if anything waits to be read."""

    waiting: int
    limit: int
    is_listening: bool


class SocketFigures:
    """Watches sockets from :meth:`watch` to :meth:`close`; it holds none of them.

    Hits are an estimate, as ever: how many of some 50 looks in a second found something that waits. Connections that
    were accepted are exact for TCP: the kernel tells of each that ends, those that are open are counted.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sockets: list[_Socket] = []
        self._diag: SocketDiag | None = None
        self._destroyed: Destroyed | None = None
        self._ports: set[int] = set()
        self._families: set[int] = set()
        self._paths: set[str | None] = set()
        self._inodes: set[int] = set()
        self._told_at = clock()
        self._is_unsupported = False

    def watch(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Take the sockets as ``listsockets`` tells them; of those that stay the counts go on."""
        known = {(s.fd, s.address): s for s in self._sockets}
        wanted = [_socket(view) for view in listed]
        ports = {s.port for s in wanted if s.path is None}
        if ports != self._ports:
            known.clear()
            self._listen(ports)
        self._sockets = [known.get((s.fd, s.address), s) for s in wanted]
        self._families = {s.family for s in self._sockets}
        self._paths = {s.path for s in self._sockets}

    def close(self) -> None:
        """Forget the sockets and count nothing any more."""
        self._sockets = []
        self._listen(set())
        if self._diag is not None:
            self._diag.close()
            self._diag = None

    @property
    def is_watching(self) -> bool:
        """Whether there is any socket to look at."""
        return bool(self._sockets)

    def look(self) -> None:
        """Count the sockets where something waits, and the connections that ended."""
        for found, queue in self._queues(is_look=True):
            found.reads += queue.waiting > 0
        self._count_ended()

    def payloads(self) -> list[dict[str, Any]]:
        """Return what there is to tell of each socket, and begin to count anew."""
        now = self._clock()
        elapsed, self._told_at = max(now - self._told_at, 0.001), now
        queues = {found.fd: queue for found, queue in self._queues()}
        unix = self._unix_connections() if any(s.path is not None for s in self._sockets) else Counter()
        self._count_ended()
        told = []
        for found in self._sockets:
            queue = queues.get(found.fd)
            connections = self._connections(found, queue, unix)
            is_counted = connections is not None and found.path is None and self._destroyed is not None
            accepted = self._accepted(found, connections or 0) / elapsed if is_counted else None
            told.append(_payload(found, queue, connections, accepted))
            found.reads = 0
        return told

    def _listen(self, ports: set[int]) -> None:
        self._ports = ports
        if self._destroyed is not None:
            self._destroyed.close()
            self._destroyed = None
        if ports and not self._is_unsupported:
            with contextlib.suppress(OSError):
                self._destroyed = Destroyed(ports)

    def _count_ended(self) -> None:
        if self._destroyed is None:
            return
        for (address, port), count in self._destroyed.take().items():
            for found in self._sockets:
                if found.is_at(address, port):
                    found.ended += count

    def _queues(self, *, is_look: bool = False) -> list[tuple[_Socket, _Queue]]:
        """Return the sockets that the kernel knows, with what waits there.

        :param is_look: only those that were there before: it is done often
        """
        diag = self._kernel()
        if diag is None:
            return []
        try:
            found = (self._family(diag, family, is_look=is_look) for family in self._families)
            return [pair for pairs in found for pair in pairs]
        except OSError as exc:
            self._give_up(exc)
            return []

    def _family(self, diag: SocketDiag, family: int, *, is_look: bool) -> list[tuple[_Socket, _Queue]]:
        sockets = [s for s in self._sockets if s.family == family]
        if family == socket.AF_UNIX:
            # A machine may have many, and to read their names takes longer than to look.
            unix = diag.unix_sockets(LISTEN | _UNIX_DATAGRAM, self._inodes if is_look else None)
            matched = _match_unix(sockets, unix)
            self._inodes = self._inodes if is_look else {one.inode for one in unix if one.path in self._paths}
            return matched
        found = _match_inet(sockets, diag.inet_sockets(family, LISTEN, {s.port for s in sockets}), is_listening=True)
        if len(found) < len(sockets):
            taken = {one.fd for one, _ in found}
            rest = [s for s in sockets if s.fd not in taken]
            ports = {s.port for s in rest}
            datagram = diag.inet_sockets(family, ANY_STATE, ports, protocol=socket.IPPROTO_UDP)
            found += _match_inet(rest, datagram, is_listening=False)
        return found

    def _connections(self, found: _Socket, queue: _Queue | None, unix: Mapping[str, int]) -> int | None:
        """Return how many connections were accepted and are open."""
        if queue is None or not queue.is_listening or self._diag is None:
            return None
        if found.path is not None:
            return unix.get(found.path, 0)  # what waits to be accepted is not among them
        try:
            established = self._diag.inet_sockets(found.family, CONNECTIONS, {found.port})
        except OSError as exc:
            self._give_up(exc)
            return None
        return max(0, sum(found.is_at(one.address, one.port) for one in established) - queue.waiting)

    def _accepted(self, found: _Socket, connections: int) -> int:
        """Return how many connections were accepted since this was asked last."""
        total = found.ended + connections
        before = total if found.told is None else found.told
        # What ended is told a moment late: the total may go down by what the next time adds.
        found.told = max(total, before)
        return found.told - before

    def _unix_connections(self) -> Counter[str]:
        if self._diag is None:
            return Counter()
        return Counter(one.path for one in self._diag.unix_sockets(_UNIX_CONNECTED))

    def _kernel(self) -> SocketDiag | None:
        if self._diag is None and not self._is_unsupported:
            try:
                self._diag = SocketDiag()
            except OSError as exc:
                self._give_up(exc)
        return self._diag

    def _give_up(self, error: OSError) -> None:
        self._is_unsupported = True
        if self._diag is not None:
            self._diag.close()
            self._diag = None
        logger.warning("no statistics of sockets: the kernel does not tell them (%s)", error)


def _socket(listed: Mapping[str, Any]) -> _Socket:
    """Return a socket as ``listsockets`` tells it."""
    path, host = listed.get("path"), str(listed.get("host"))
    family = socket.AF_UNIX if path is not None else socket.AF_INET6 if ":" in host else socket.AF_INET
    return _Socket(listed["fd"], listed["name"], host, int(listed.get("port") or 0), path, family)


def _match_inet(
    sockets: Sequence[_Socket], found: Sequence[InetSocket], *, is_listening: bool
) -> list[tuple[_Socket, _Queue]]:
    """Return each of *sockets* that is among *found*; several with one address (``so_reuseport``) are added up."""
    pairs = []
    for one in sockets:
        same = [other for other in found if other.port == one.port and other.address == one.host]
        if same:
            queue = _Queue(sum(s.waiting for s in same), sum(s.limit for s in same), is_listening)
            pairs.append((one, queue))
    return pairs


def _match_unix(sockets: Sequence[_Socket], found: Sequence[UnixSocket]) -> list[tuple[_Socket, _Queue]]:
    by_path = {one.path: one for one in found}
    # What does not listen tells no limit.
    return [
        (one, _Queue(by_path[one.path].waiting, by_path[one.path].limit, by_path[one.path].is_listening))
        for one in sockets
        if one.path in by_path
    ]


def _payload(found: _Socket, queue: _Queue | None, connections: int | None, accepted: float | None) -> dict[str, Any]:
    listens = queue is not None and queue.is_listening
    return {
        "fd": found.fd,
        "subtopic": found.fd,
        "reads": found.reads,
        "address": found.address,
        "name": found.name,
        "queue": queue.waiting if queue is not None and listens else UNREADABLE,
        "backlog": queue.limit if queue is not None and listens else UNREADABLE,
        "accepted": UNREADABLE if accepted is None else round(accepted, 1),
        "connections": UNREADABLE if connections is None else connections,
    }
