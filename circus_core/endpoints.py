"""Binds the daemon's ZeroMQ endpoints, and says who has an address that is taken."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import time
from typing import Any, Final
from urllib.parse import urlsplit

import zmq

from circus_core.busy import Owner, tcp_owner, unix_owner
from circus_core.errors import ConfigError

_PATIENCE: Final = 3.0  #: seconds that an address may stay taken by a socket of ours that is closing


async def bind(sock: zmq.Socket[Any], endpoint: str, *, option: str, is_again: bool = False) -> str:
    """Bind *sock* to *endpoint* and return the address that it really has, as clients connect to it.

    :param option: name of the option that *endpoint* comes from, for messages
    :param is_again: a socket of ours had the address a moment ago: wait for it
    :raises ConfigError: the address cannot be had
    """
    path = ipc_path(endpoint)
    # libzmq takes over the path of a socket that somebody else still listens on.
    owner = unix_owner(path) if path else None
    if owner is not None:
        raise _taken(endpoint, option, owner)
    limit = time.monotonic() + (_PATIENCE if is_again else 0.0)
    while True:
        try:
            sock.bind(endpoint)
        except zmq.ZMQError as exc:
            if exc.errno != errno.EADDRINUSE or time.monotonic() > limit:
                raise _refusal(endpoint, option, exc) from exc
            await asyncio.sleep(0.02)
        else:
            return sock.getsockopt_string(zmq.LAST_ENDPOINT)


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
            "circus", "endpoint_owner", user, why=str(exc.strerror).lower(), fix="start circusd as root, or leave it out"
        ) from exc


def ipc_path(endpoint: str) -> str | None:
    """Return the path of an ``ipc://`` endpoint, ``None`` for another transport or an abstract name."""
    path = endpoint.removeprefix("ipc://")
    return path if path != endpoint and path[:1] not in ("", "@", "*") else None


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
