"""The daemon's ZeroMQ endpoints: bound, or refused with who has the address, and cleared away."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import time
from collections.abc import Callable
from socket import socket as Socket
from typing import TYPE_CHECKING, Final

from circus_core._addresses import parts_of
from circus_core._listener import KeptListener, ipc_path, listen
from circus_core.busy import Owner, tcp_owner, unix_owner
from circus_core.errors import ConfigError
from circus_core.spawner import Spawner

if TYPE_CHECKING:
    import zmq

_PATIENCE: Final = 3.0  #: seconds that an address may stay taken by a socket of ours that is closing


class Endpoint:
    """An address of the daemon, and the ZeroMQ socket that is bound to it.

    Where the address needs no help of libzmq's it is bound without: who connects waits in the kernel until there is
    a socket.

    :param make: makes the socket
    :param option: name of the option that the address comes from, for messages
    :param spawner: keeps the listening socket for the next arbiter, where it outlives this one
    """

    def __init__(self, make: Callable[[], zmq.Socket[bytes]], option: str, spawner: Spawner | None = None) -> None:
        self.address = ""  #: as clients connect to it, once it is bound
        self.is_taken_over = False  #: an arbiter before this one was bound to it
        self._make = make
        self._option = option
        self._keep = KeptListener(spawner, f"endpoint:{option}") if spawner and spawner.is_durable else None
        self._file: tuple[int, int] | None = None
        self._listener: Socket | None = None  #: until there is a socket
        self._socket: zmq.Socket[bytes] | None = None

    @property
    def listener(self) -> Socket | None:
        """What clients connect to, as long as the endpoint has no socket."""
        return self._listener

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket, which takes connections from the first use on."""
        if self._socket is None:
            self._socket = self._make()
            self._socket.linger = 0
            if self._listener is not None:
                from circus_core._zmq_sockets import hand_over  # noqa: PLC0415  # see there

                listener, self._listener = self._listener.detach(), None
                hand_over(self._socket, listener, self.address)
        return self._socket

    async def bind(self, address: str, *, is_again: bool = False) -> None:
        """Bind to *address*.

        :param is_again: a socket of ours had the address a moment ago: wait for it
        :raises ConfigError: it cannot be had
        """
        kept = self._keep.fetch(address) if self._keep else None
        if kept is not None:
            self._listener = Socket(fileno=kept.fd)
            self.address, self._file = kept.address, kept.file
            self.is_taken_over = True
            return
        path = ipc_path(address)
        # The path of a socket that somebody else still listens on would be taken over.
        owner = unix_owner(path) if path else None
        if owner is not None:
            raise _taken(address, self._option, owner)
        limit = time.monotonic() + (_PATIENCE if is_again else 0.0)
        while not self._try_to_bind(address, is_patient=time.monotonic() < limit):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.02)
        self._file = _identity(path)
        if self._keep is not None:
            fd = None if self._listener is None else self._listener.fileno()
            self._keep.store(address, self.address, self._file, fd)

    def let_go(self, linger: int = 0) -> None:
        """Close the socket; its address stays, and who connects waits in the kernel for the next arbiter."""
        self._file = None
        self._keep = None
        self._close(linger)

    def close(self, linger: int = 0) -> None:
        """Close the socket and remove its file, if that is still the one it made. May be called twice.

        :param linger: milliseconds that what was sent last has to leave
        """
        path = ipc_path(self.address)
        # libzmq removes no file whose name it was given.
        if path is not None and self._file is not None and _identity(path) == self._file:
            os.unlink(path)
        self._file = None
        if self._keep is not None:
            self._keep.drop()
        self._close(linger)

    def _close(self, linger: int) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._socket is not None:
            self._socket.close(linger)

    def _try_to_bind(self, address: str, *, is_patient: bool) -> bool:
        try:
            self._listener = listen(address)
            if self._listener is not None:
                self.address = address
            else:
                from circus_core._zmq_sockets import bind  # noqa: PLC0415  # see there

                self.address = bind(self.socket, address)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or not is_patient:
                raise _refusal(address, self._option, exc) from exc
            return False
        return True


def give_to(endpoint: str, user: str) -> None:
    """Make *user* the owner of the file of an ``ipc://`` endpoint.

    :raises ConfigError: there is no such user, or the system refuses
    """
    path = ipc_path(endpoint)
    if path is None:
        return
    try:
        os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    except KeyError as exc:
        raise ConfigError(
            "circus", "endpoint_owner", user, why="no such user", fix="write a name of `getent passwd`"
        ) from exc
    except OSError as exc:
        raise ConfigError(
            "circus",
            "endpoint_owner",
            user,
            why=str(exc.strerror).lower(),
            fix="start circusd as root, or leave it out",
        ) from exc


def _identity(path: str | None) -> tuple[int, int] | None:
    """Return device and inode of *path*, ``None`` when nothing is there."""
    try:
        found = os.lstat(path or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _taken(endpoint: str, option: str, owner: Owner | None) -> ConfigError:
    by = f" by {owner}" if owner else ""
    return ConfigError(
        "circus", option, endpoint, why=f"the address is taken{by}", fix="stop that, or write another address"
    )


def _refusal(endpoint: str, option: str, exc: OSError) -> ConfigError:
    if exc.errno == errno.EADDRINUSE:
        return _taken(endpoint, option, _tcp_owner(endpoint))
    fix = {
        errno.ENOENT: "make its folder first",
        errno.EACCES: "choose a folder or port that this user may use",
        errno.ENOTSOCK: "write another path, or move that away",
        errno.ENAMETOOLONG: "write a path of at most 107 bytes",
        errno.ENODEV: "write an address of this machine",
        errno.EADDRNOTAVAIL: "write an address of this machine",
    }.get(exc.errno or 0, "write an address such as tcp://127.0.0.1:5555 or ipc:///run/circus/endpoint")
    return ConfigError("circus", option, endpoint, why=str(exc.strerror).lower(), fix=fix)


def _tcp_owner(endpoint: str) -> Owner | None:
    address = parts_of(endpoint)
    try:
        return tcp_owner(address.host, address.port)
    except (ValueError, OSError):
        return None
