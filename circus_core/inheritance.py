"""Which sockets a child gets, under which numbers."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from circus_core.command_line import names_a_socket
from circus_core.errors import SocketError
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import OpenFd, StoredFd

if TYPE_CHECKING:
    from circus_core.options import WatcherConfig
    from circus_core.sockets import ManagedSocket

LISTEN_FDS_START: Final = 3
"""The first descriptor of the systemd protocol, see sd_listen_fds(3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """The part of a ``SpawnRequest`` that comes from sockets; close it once ``spawn`` returned.

    :param fds: number in the child to descriptor
    :param stdin: what descriptor 0 is, ``None`` when it is no socket
    :param env: what to add to the environment
    :param fresh: sockets opened for this child alone
    """

    fds: Mapping[int, StoredFd | OpenFd]
    stdin: StoredFd | OpenFd | None
    env: Mapping[str, str]
    fresh: Sequence[socket.socket]

    @property
    def listen_pid(self) -> bool:
        """Whether the child is to know its own pid as ``LISTEN_PID``."""
        return "LISTEN_FDS" in self.env

    def close(self) -> None:
        """Let go of the sockets that now only the child needs."""
        for sock in self.fresh:
            sock.close()


def descriptors_for(config: WatcherConfig, sockets: Mapping[str, ManagedSocket]) -> Inherited:
    """Return what one child of a watcher inherits: the sockets of :func:`held_sockets`.

    :raises SocketError: the watcher names a socket that is not there, or a fresh one cannot be bound
    """
    listened = listen_fds_names(config, sockets)
    stdin = [config.stdin_socket.lower()] if config.stdin_socket else []
    _check(config, sockets, "listen_fds", listened)
    _check(config, sockets, "stdin_socket", stdin)
    held = held_sockets(config, sockets)
    fresh = _open_fresh([sockets[name] for name in held if sockets[name].config.so_reuseport])
    given: dict[str, StoredFd | OpenFd] = {
        name: OpenFd(fresh[name].fileno()) if name in fresh else sockets[name].stored for name in held
    }
    env, listen_fds = listen_fds_environment([(name, given[name]) for name in listened])
    own = {sockets[name].number: fd for name, fd in given.items()} if config.use_sockets else {}
    return Inherited(
        fds={**own, **listen_fds},
        stdin=given[stdin[0]] if stdin else None,
        env=env,
        fresh=tuple(fresh.values()),
    )


def held_sockets(config: WatcherConfig, sockets: Mapping[str, ManagedSocket]) -> list[str]:
    """Return the sockets that the processes of a watcher hold, by name.

    Those that its command line names (with ``use_sockets``), ``listen_fds`` and ``stdin_socket``. One with
    ``use_sockets`` that names none may know them otherwise and holds all that are shared: with ``so_reuseport`` a
    socket that nobody accepts from would swallow its share of the connections.
    """
    chosen = {name.lower() for name in config.listen_fds or ()}
    if config.use_sockets:
        chosen |= names_a_socket(config)
        chosen = chosen or set(_shared(sockets))
    if config.stdin_socket:
        chosen.add(config.stdin_socket.lower())
    return sorted(chosen & sockets.keys())


def listen_fds_names(config: WatcherConfig, sockets: Mapping[str, ManagedSocket]) -> list[str]:
    """Return the sockets that a watcher gets by the systemd protocol, in the order of their descriptors.

    Those of ``listen_fds``; without it, for a ``use_sockets`` watcher whose command line names no socket, all that
    are shared, by number.
    """
    if config.listen_fds is not None:
        return [name.lower() for name in config.listen_fds]
    return _shared(sockets) if config.use_sockets and not names_a_socket(config) else []


def _shared(sockets: Mapping[str, ManagedSocket]) -> list[str]:
    shared = [managed for managed in sockets.values() if not managed.config.so_reuseport]
    return [managed.name for managed in sorted(shared, key=lambda managed: managed.number)]


def _open_fresh(sockets: Iterable[ManagedSocket]) -> dict[str, socket.socket]:
    fresh: dict[str, socket.socket] = {}
    try:
        for managed in sockets:
            fresh[managed.name] = managed.open_for_spawn()
    except SocketError:
        for sock in fresh.values():
            sock.close()
        raise
    return fresh


def listen_fds_environment(
    given: Sequence[tuple[str, StoredFd | OpenFd]],
) -> tuple[dict[str, str], dict[int, StoredFd | OpenFd]]:
    """Return what the systemd protocol adds for sockets given by name: environment, number to descriptor.

    ``LISTEN_PID`` is the Spawner's to set. A colon in a name, which separates names there, becomes ``_``.
    """
    if not given:
        return {}, {}
    names = ":".join(name.replace(":", "_") for name, _ in given)
    env = {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names}
    return env, {LISTEN_FDS_START + i: fd for i, (_, fd) in enumerate(given)}


def _check(config: WatcherConfig, sockets: Mapping[str, ManagedSocket], option: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in sockets:
            known = ", ".join(sorted(sockets)) or "none"
            section = f"watcher:{config.name}"
            raise SocketError(
                f"[{section}] {option} = {name!r}: no such socket; name a socket section, there are: {known}",
                section=section,
            )
