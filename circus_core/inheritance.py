"""Which sockets a child gets, under which numbers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from circus_core.errors import SocketError
from circus_core.spawner import OpenFd, StoredFd

if TYPE_CHECKING:
    from circus_core.options import WatcherConfig
    from circus_core.sockets import ManagedSocket

LISTEN_FDS_START: Final = 3
"""The first descriptor of the systemd protocol, see sd_listen_fds(3)."""

_NAMED: Final = re.compile(r"circus\.sockets\.([\w.-]+)", re.IGNORECASE)


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
    """Return what one child of a watcher inherits.

    A socket with ``so_reuseport`` is opened anew for it, and only when the watcher names the socket: one that
    listens in a process that never accepts would swallow its share of the connections.

    :raises SocketError: the watcher names a socket that is not there, or a fresh one cannot be bound
    """
    named = named_sockets(config)
    listened = listen_fds_names(config, sockets)
    stdin = [config.stdin_socket.lower()] if config.stdin_socket else []
    _check(config, sockets, "listen_fds", listened)
    _check(config, sockets, "stdin_socket", stdin)
    fresh: dict[str, socket.socket] = {}
    try:
        for name in sorted({*stdin, *listened, *(named if config.use_sockets else ())} & sockets.keys()):
            if sockets[name].config.so_reuseport:
                fresh[name] = sockets[name].open_for_spawn()
    except SocketError:
        for sock in fresh.values():
            sock.close()
        raise
    given: dict[str, StoredFd | OpenFd] = {
        name: OpenFd(fresh[name].fileno()) if name in fresh else managed.stored
        for name, managed in sockets.items()
        if name in fresh or not managed.config.so_reuseport
    }
    env, listen_fds = listen_fds_environment([(name, given[name]) for name in listened])
    own = {sockets[name].number: fd for name, fd in given.items()} if config.use_sockets else {}
    return Inherited(
        fds={**own, **listen_fds},
        stdin=given[stdin[0]] if stdin else None,
        env=env,
        fresh=tuple(fresh.values()),
    )


def named_sockets(config: WatcherConfig) -> frozenset[str]:
    """Return the sockets whose number the command line of a watcher asks for."""
    args = config.args if isinstance(config.args, str) else " ".join(config.args or ())
    text = f"{config.cmd} {args} {config.shell_args or ''}"
    return frozenset(name.lower() for name in _NAMED.findall(text))


def listen_fds_names(config: WatcherConfig, sockets: Mapping[str, ManagedSocket]) -> list[str]:
    """Return the sockets that a watcher gets by the systemd protocol, in the order of their descriptors.

    Those of ``listen_fds``; without it, for a ``use_sockets`` watcher whose command line names no socket, all that
    are shared, by number.
    """
    if config.listen_fds is not None:
        return [name.lower() for name in config.listen_fds]
    if not config.use_sockets or named_sockets(config):
        return []
    shared = (managed for managed in sockets.values() if not managed.config.so_reuseport)
    return [managed.name for managed in sorted(shared, key=lambda managed: managed.number)]


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
