"""The daemon's ZeroMQ endpoints: bound, or refused with who has the address, and cleared away."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import time
from typing import Any, Final
from urllib.parse import urlsplit

import zmq

from circus_core._listener import KeptListener
from circus_core.busy import Owner, tcp_owner, unix_owner
from circus_core.errors import ConfigError
from circus_core.spawner import Spawner

_PATIENCE: Final = 3.0  #: seconds that an address may stay taken by a socket of ours that is closing


class Endpoint:
    """A ZeroMQ socket of the daemon and the address that it is bound to.

    :param option: name of the option that the address comes from, for messages
    :param spawner: keeps the listening socket for the next arbiter, where it outlives this one
    """

    def __init__(self, sock: zmq.Socket[bytes], option: str, spawner: Spawner | None = None) -> None:
        sock.setsockopt(zmq.LINGER, 0)
        self.socket = sock
        self.address = ""  #: as clients connect to it, once it is bound
        self.is_taken_over = False  #: an arbiter before this one was bound to it
        self._option = option
        self._keep = KeptListener(spawner, f"endpoint:{option}") if spawner and spawner.is_durable else None
        self._file: tuple[int, int] | None = None

    async def bind(self, address: str, *, is_again: bool = False) -> None:
        """Bind to *address*.

        :param is_again: a socket of ours had the address a moment ago: wait for it
        :raises ConfigError: it cannot be had
        """
        kept = self._keep.fetch(address) if self._keep else None
        if kept is not None:
            self.socket.setsockopt(zmq.USE_FD, kept.fd)
            self.socket.bind(kept.address)
            self.address, self._file = kept.address, kept.file
            self.is_taken_over = True
            return
        path = ipc_path(address)
        # libzmq takes over the path of a socket that somebody else still listens on.
        owner = unix_owner(path) if path else None
        if owner is not None:
            raise _taken(address, self._option, owner)
        limit = time.monotonic() + (_PATIENCE if is_again else 0.0)
        while not self._try_to_bind(address, is_patient=time.monotonic() < limit):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.02)
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._file = _identity(path)
        if self._keep is not None:
            self._keep.store(address, self.address, self._file)

    def let_go(self, linger: int = 0) -> None:
        """Close the socket; its address stays, and who connects waits in the kernel for the next arbiter."""
        self._file = None
        self._keep = None
        self.socket.close(linger)

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
        self.socket.close(linger)

    def _try_to_bind(self, address: str, *, is_patient: bool) -> bool:
        try:
            self.socket.bind(address)
        except zmq.ZMQError as exc:
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


def ipc_path(endpoint: str) -> str | None:
    """Return the path of an ``ipc://`` endpoint, ``None`` for another transport or an abstract name."""
    path = endpoint.removeprefix("ipc://")
    return path if path != endpoint and path[:1] not in ("", "@", "*") else None


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


def _refusal(endpoint: str, option: str, exc: zmq.ZMQError) -> ConfigError:
    if exc.errno == errno.EADDRINUSE:
        return _taken(endpoint, option, _tcp_owner(endpoint))
    fix = {
        errno.ENOENT: "make its folder first",
        errno.EACCES: "choose a folder or port that this user may use",
        errno.ENAMETOOLONG: "write a path of at most 107 bytes",
        errno.ENODEV: "write an address of this machine",
        errno.EADDRNOTAVAIL: "write an address of this machine",
    }.get(exc.errno or 0, "write an address such as tcp://127.0.0.1:5555 or ipc:///run/circus/endpoint")
    return ConfigError("circus", option, endpoint, why=str(exc.strerror).lower(), fix=fix)


def _tcp_owner(endpoint: str) -> Owner | None:
    address = urlsplit(endpoint)
    try:
        return tcp_owner(address.hostname or "", address.port or 0)
    except (ValueError, OSError):
        return None


def has_message(socket: zmq.Socket[Any]) -> bool:
    """Tell if a message has come; a third of what it costs to try and fail. After a ``False`` the descriptor tells."""
    events = socket.getsockopt(zmq.EVENTS)
    assert isinstance(events, int)
    return bool(events & zmq.POLLIN)
