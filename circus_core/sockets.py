"""Managed sockets: bound by circusd, handed to children under one number for life.

Bind them all, or none::

    sockets = SocketSet(spawner)
    addresses = await loop.run_in_executor(None, resolve, configs)
    sockets.open(configs, addresses)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from socket import socket as Socket
from typing import Any, Final

from circus_core import _bind
from circus_core._bind import Address
from circus_core._typed_json import decoder, plain
from circus_core.errors import SocketError, SocketErrors
from circus_core.interfaces import SocketView
from circus_core.options import SocketConfig
from circus_core.spawner import Spawner, StoredFd

_PREFIX: Final = "socket:"


class ManagedSocket:
    """One socket of circusd, bound and listening from its creation until :meth:`close`.

    With ``so_reuseport`` it only keeps the address: each child gets a socket of its own from
    :meth:`open_for_spawn`, and what this one holds never listens.

    :param address: from :func:`resolve`; without it the host is looked up now, which may block
    :param bound: a socket of somebody else's, who bound it, made it listen and removes its path; it is duplicated
    :raises SocketError: the address cannot be had
    """

    address: Address
    _held: Socket | None
    _file: tuple[int, int] | None

    def __init__(self, config: SocketConfig, address: Address | None = None, *, bound: Socket | None = None) -> None:
        self.config = config
        self.number = -1  #: the descriptor that it has in every child, once the Spawner stores it
        if bound is not None:
            self._held = Socket(fileno=os.dup(bound.fileno()))
            self._file = None
            self.address = bound.getsockname()
            return
        address = self.address = _bind.resolve(config) if address is None else address
        self._held = _bind.bind(config, address)
        self._file = _identity(address)
        if not isinstance(address, str):
            self.address = self._held.getsockname()  # a port 0 has become a real one
        try:
            if not config.so_reuseport:
                _bind.listen(config, self._held, address)
            elif config.type not in _bind.LISTENING:
                # A bound datagram socket would get its share of what children wait for: let go of the address.
                self._held.close()
                self._held = Socket(config.family, config.type, config.proto)
        except SocketError:
            self.close()
            raise

    @classmethod
    def recovered(cls, fd: int, number: int, metadata: str) -> ManagedSocket:
        """Return one that the arbiter before had bound; *fd* is its from now on."""
        hint: Any = SocketConfig
        data = json.loads(metadata)
        sock = cls.__new__(cls)
        sock.config = decoder(hint)(data["config"], "socket")
        sock.number = number
        sock.address = data["address"] if isinstance(data["address"], str) else tuple(data["address"])
        sock._held = Socket(fileno=fd)
        sock._file = tuple(data["file"]) if data["file"] else None
        return sock

    @property
    def metadata(self) -> str:
        """All that :meth:`recovered` needs."""
        data = {"config": self.config, "address": self.address, "file": self._file}
        return json.dumps(data, default=plain)

    @property
    def name(self) -> str:
        """The name after ``socket:`` of its section."""
        return self.config.name

    @property
    def stored(self) -> StoredFd:
        """How the Spawner knows it."""
        return StoredFd(f"{_PREFIX}{self.name}")

    @property
    def socket(self) -> Socket | None:
        """The socket that takes connections, ``None`` when children have their own or it is closed."""
        return None if self.config.so_reuseport else self._held

    def fileno(self) -> int:
        """Return the descriptor that keeps the address, -1 when it is closed."""
        return -1 if self._held is None else self._held.fileno()

    def open_for_spawn(self) -> Socket:
        """Return a fresh socket at the same address, listening, the caller's to close once the child has it.

        :raises SocketError: the address was taken meanwhile
        """
        sock = _bind.bind(self.config, self.address)
        try:
            _bind.listen(self.config, sock, self.address)
        except SocketError:
            sock.close()
            raise
        return sock

    def view(self) -> SocketView:
        """Return what ``listsockets`` tells of it: the address it really has."""
        backlog = self.config.backlog
        if isinstance(self.address, str):
            return SocketView(fd=self.number, name=self.name, backlog=backlog, path=self.address)
        host, port = self.address[:2]
        return SocketView(fd=self.number, name=self.name, backlog=backlog, host=host, port=port)

    def let_go(self) -> None:
        """Close it here; it and its path stay."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def close(self) -> None:
        """Close it and remove its path, if that is still the one it made. May be called twice."""
        if self._held is None:
            return
        # Unlink first: while it is open nobody else's file can have its inode.
        if isinstance(self.address, str) and self._file is not None and _identity(self.address) == self._file:
            os.unlink(self.address)
        self._held.close()
        self._held = None


class SocketSet(Mapping[str, ManagedSocket]):
    """The managed sockets by name, each stored with the Spawner, which gives it its number."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._sockets: dict[str, ManagedSocket] = {}

    def open(self, configs: Iterable[SocketConfig], addresses: Mapping[str, Address] | None = None) -> None:
        """Add the sockets of *configs*, all or none, as :func:`bind_all` does."""
        self.adopt(bind_all(configs, addresses))

    def recover(self) -> None:
        """Add the sockets that the arbiter before had open, if there was one."""
        if not self._spawner.is_durable:
            return
        for name, (number, metadata) in self._spawner.stored_fds().items():
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in self._sockets:
                sock = ManagedSocket.recovered(self._spawner.fetch_fd(name), number, metadata)
                self._sockets[sock.name] = sock

    def keep_only(self, configs: Iterable[SocketConfig]) -> None:
        """Close those that are not exactly as one of *configs*."""
        wanted = {config.name: config for config in configs}
        self.close([name for name, sock in self._sockets.items() if wanted.get(name) != sock.config])

    def adopt(self, bound: Iterable[ManagedSocket]) -> None:
        """Add sockets that are bound already; one of the same name is closed."""
        for sock in bound:
            if sock.name in self._sockets:
                self.close([sock.name])
            metadata = sock.metadata if self._spawner.is_durable else ""
            sock.number = self._spawner.store_fd(sock.stored.name, sock.fileno(), metadata)
            self._sockets[sock.name] = sock

    def close(self, names: Iterable[str] | None = None) -> None:
        """Close the sockets of *names*, by default all."""
        for name in list(self._sockets if names is None else names):
            sock = self._sockets.pop(name)
            sock.close()
            self._spawner.drop_fd(sock.stored.name)

    def let_go(self) -> None:
        """Forget all sockets; they and their paths stay, for who has them of the Spawner."""
        for sock in self._sockets.values():
            sock.let_go()
        self._sockets.clear()

    def numbers(self) -> dict[str, int]:
        """Return name to number, as ``$(circus.sockets.NAME)`` is expanded."""
        return {name: sock.number for name, sock in self._sockets.items()}

    def views(self) -> list[SocketView]:
        """Return the sockets as ``listsockets`` tells them, by number."""
        return sorted((sock.view() for sock in self._sockets.values()), key=lambda view: view.fd)

    def __getitem__(self, name: str) -> ManagedSocket:
        return self._sockets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sockets)

    def __len__(self) -> int:
        return len(self._sockets)


def bind_all(configs: Iterable[SocketConfig], addresses: Mapping[str, Address] | None = None) -> list[ManagedSocket]:
    """Return the sockets of *configs*, bound; all or none.

    :param addresses: from :func:`resolve`; without it host names are looked up now, which may block
    :raises SocketErrors: for each that cannot be had
    """
    opened: list[ManagedSocket] = []
    errors: list[SocketError] = []
    for config in configs:
        try:
            opened.append(ManagedSocket(config, (addresses or {}).get(config.name)))
        except SocketError as exc:
            errors.append(exc)
    if errors:
        for sock in opened:
            sock.close()
        raise SocketErrors(errors)
    return opened


def resolve(configs: Iterable[SocketConfig]) -> dict[str, Address]:
    """Return the address of each socket by name. May ask a name server: run it in an executor.

    :raises SocketErrors: for each host that is not known
    """
    addresses: dict[str, Address] = {}
    errors: list[SocketError] = []
    for config in configs:
        try:
            addresses[config.name] = _bind.resolve(config)
        except SocketError as exc:
            errors.append(exc)
    if errors:
        raise SocketErrors(errors)
    return addresses


def _identity(address: Address) -> tuple[int, int] | None:
    """Return device and inode of a path, ``None`` for what is none."""
    if not isinstance(address, str):
        return None
    try:
        found = os.lstat(address)
    except OSError:
        return None
    return found.st_dev, found.st_ino
