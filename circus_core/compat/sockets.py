"""``CircusSocket`` and ``CircusSockets``: managed sockets as programs hold them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from circus_core import _bind
from circus_core.keywords import socket_config
from circus_core.options import SocketConfig


class CircusSocket(socket.socket):
    """A socket that is bound when it is told to, and inherited by children.

    :param path: of a unix socket; *host*, *port* and *family* do not matter then
    :param umask: file mode mask of a unix socket; that of the program by default
    :param replace: remove a socket that is at *path* already
    :param interface: network interface to bind to
    :param so_reuseport: each process binds a socket of its own; this one is never bound
    """

    def __init__(
        self,
        name: str = "",
        host: str | None = "localhost",
        port: int | None = 8080,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,  # noqa: A002 - the documented word
        proto: int = 0,
        backlog: int = 2048,
        path: str | None = None,
        umask: int | None = None,
        replace: bool = False,
        interface: str | None = None,
        so_reuseport: bool = False,
        blocking: bool = False,
    ) -> None:
        self.is_unix = path is not None or family == socket.AF_UNIX
        super().__init__(socket.AF_UNIX if self.is_unix else family, type, proto)
        self.name = name
        self.socktype = type
        self.host = None if self.is_unix else host
        self.port = None if self.is_unix else port
        self.backlog = backlog
        self.path = path
        self.umask = umask
        self.replace = replace
        self.interface = interface
        self.so_reuseport = so_reuseport
        self.blocking = blocking
        self.is_bound = False
        self.set_inheritable(True)

    @classmethod
    def load_from_config(cls, config: Mapping[str, Any]) -> CircusSocket:
        """Return the socket that the options of a section describe; what no socket has is ignored."""
        return cls._of(socket_config(str(config.get("name", "")), config))

    @classmethod
    def _of(cls, config: SocketConfig) -> CircusSocket:
        return cls(**{name: getattr(config, name) for name in SocketConfig.__slots__})

    @property
    def location(self) -> str:
        """Its address: ``host:port``, or the path in quotes."""
        return repr(self.path) if self.is_unix else f"{self.host}:{self.port}"

    def bind_and_listen(self) -> None:
        """Bind it, and make it listen when its type does so; nothing happens when it is bound already.

        :raises SocketError: the address cannot be had
        """
        if self.is_bound:
            return
        if self.fileno() < 0:  # it was closed: an arbiter is started for the second time
            super().__init__(self.family, self.type, self.proto)
            self.set_inheritable(True)
        config = self._config
        address = _bind.resolve(config)
        with _bind.bind(config, address) as bound:
            _bind.listen(config, bound, address)
            # This object takes the bound socket over under the number that it has had all along.
            os.dup2(bound.fileno(), self.fileno())
            self.setblocking(config.blocking)
        self.is_bound = True
        if not self.is_unix:
            self.host, self.port = self.getsockname()[:2]

    def close(self) -> None:
        """Close it and remove its path. May be called twice."""
        is_ours, self.is_bound = self.is_bound, False
        super().close()
        if is_ours and self.path is not None and os.path.exists(self.path):
            os.unlink(self.path)

    def __str__(self) -> str:
        return f"socket {self.name!r} at {self.location}"

    @property
    def _config(self) -> SocketConfig:
        given = {name: getattr(self, name) for name in SocketConfig.__slots__ if name not in ("family", "type")}
        return socket_config(self.name, {**given, "family": self.family, "type": self.socktype})


class CircusSockets(dict[str, CircusSocket]):
    """Sockets by name.

    :param sockets: the first of them
    :param backlog: of those that are added without one of their own
    """

    def __init__(self, sockets: Iterable[CircusSocket] | None = None, backlog: int = 2048) -> None:
        super().__init__((sock.name, sock) for sock in sockets or ())
        self.backlog = backlog

    def add(
        self,
        name: str,
        host: str = "localhost",
        port: int = 8080,
        family: int = socket.AF_INET,
        type: int = socket.SOCK_STREAM,  # noqa: A002 - the documented word
        proto: int = 0,
        backlog: int | None = None,
        path: str | None = None,
        umask: int | None = None,
        interface: str | None = None,
    ) -> CircusSocket:
        """Add a socket and return it, not bound yet.

        :raises ValueError: there is one of that name
        """
        if name in self:
            raise ValueError(f"there is a {self[name]} already; give the other one another name")
        self[name] = CircusSocket(
            name, host, port, family, type, proto, self.backlog if backlog is None else backlog, path, umask,
            interface=interface,
        )  # fmt: skip
        return self[name]

    def bind_and_listen_all(self) -> None:
        """Bind all of them, but those with ``so_reuseport``.

        :raises SocketError: an address cannot be had
        """
        for sock in self.values():
            if not sock.so_reuseport:
                sock.bind_and_listen()

    def close_all(self) -> None:
        """Close all of them."""
        for sock in self.values():
            sock.close()


def given_sockets(given: Any) -> CircusSockets:
    """Return sockets from those, or options of them, in a list or a mapping."""
    if isinstance(given, CircusSockets):
        return given
    items = list(given.items()) if isinstance(given, Mapping) else [(None, sock) for sock in given or ()]
    sockets = CircusSockets()
    for name, sock in items:
        if not isinstance(sock, CircusSocket):
            sock = CircusSocket.load_from_config({"name": name, **sock} if name else sock)  # noqa: PLW2901
        sockets[name or sock.name] = sock
    return sockets
