"""Starts ``on_demand`` watchers when a connection waits on a managed socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from circus_core.inheritance import held_sockets
from circus_core.sockets import SocketSet

if TYPE_CHECKING:
    from circus_core.watcher import Watcher


class DemandWatch:
    """Watches sockets, only while a watcher waits for them: a pending connection would spin the loop.

    :param watchers: returns all ``on_demand`` watchers
    """

    def __init__(self, sockets: SocketSet, watchers: Callable[[], Sequence[Watcher]]) -> None:
        self._sockets = sockets
        self._watchers = watchers
        self._watched: dict[int, str] = {}

    def look(self) -> None:
        """Watch what is waited for by now, and nothing else."""
        wanted = {name for watcher in self._watchers() if watcher.awaits_demand for name in self._of(watcher)}
        fds = {fd: name for name in wanted if (fd := self._fileno(name)) is not None}
        loop = asyncio.get_running_loop()
        for fd in self._watched.keys() - fds.keys():
            loop.remove_reader(fd)
        for fd in fds.keys() - self._watched.keys():
            loop.add_reader(fd, self._ready, fds[fd])
        self._watched = fds

    def close(self) -> None:
        """Watch nothing any more."""
        loop = asyncio.get_running_loop()
        for fd in self._watched:
            loop.remove_reader(fd)
        self._watched = {}

    def _ready(self, name: str) -> None:
        for watcher in self._watchers():
            if watcher.awaits_demand and name in self._of(watcher):
                watcher.demand()
        self.look()

    def _of(self, watcher: Watcher) -> set[str]:
        """Return the sockets whose connections start a watcher: those that it names, else all."""
        return set(held_sockets(watcher.config, self._sockets)) or set(self._sockets)

    def _fileno(self, name: str) -> int | None:
        sock = self._sockets[name].socket
        return None if sock is None else sock.fileno()
