"""The descriptors of a child to be: from what a request names to numbers of ours."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import field

from circus_core._descriptors import FdStore, duplicate, is_in_reserve
from circus_core.errors import SpawnError
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import OpenFd, SpawnRequest, Stdio, StoredFd


@dataclass(frozen=True, slots=True)
class FdMap:
    """Number in the child to descriptor of ours, and the read ends of its pipes by number in the child."""

    fds: dict[int, int] = field(default_factory=dict)
    readers: dict[int, int] = field(default_factory=dict)

    def close_readers(self) -> None:
        """Let go of the pipes of a child that did not come about."""
        for reader in self.readers.values():
            os.close(reader)


def map_fds(request: SpawnRequest, store: FdStore, null: int, opened: ExitStack) -> FdMap:
    """Return what the child of *request* gets.

    :param null: a descriptor of ``/dev/null``
    :param opened: closes what was opened for it, but the read ends of pipes, once the child is there
    :raises SpawnError: nothing is stored under a name
    :raises OSError: out of descriptors, or one given is not open
    """
    result = FdMap()
    try:
        for number, source in enumerate((request.stdin, request.stdout, request.stderr)):
            if isinstance(source, StoredFd | OpenFd):
                result.fds[number] = _number_of(source, store)
            elif source is Stdio.NULL:
                result.fds[number] = null
            elif source is Stdio.PIPE and number == 0:
                raise SpawnError("standard input cannot be a pipe of the Spawner; give an open descriptor")
            elif source is Stdio.PIPE:
                result.fds[number] = _pipe(number, result, opened)
        for number, source in request.fds.items():
            result.fds[number] = _number_of(source, store)
        _part(result.fds, opened)
    except BaseException:
        result.close_readers()
        raise
    return result


def moved_fds(request: SpawnRequest, store: FdStore) -> list[int]:
    """Return the numbers above 2 in the child whose descriptor has another number here."""
    moved = []
    for number, source in request.fds.items():
        fd = source.fd if isinstance(source, OpenFd) else store.get(source.name)
        if fd != number:
            moved.append(number)
    return moved


def _number_of(source: StoredFd | OpenFd, store: FdStore) -> int:
    if isinstance(source, OpenFd):
        return source.fd
    number = store.get(source.name)
    if number is None:
        raise SpawnError(
            f"no descriptor is stored under {source.name!r}; known: {', '.join(store.listing()) or 'none'}"
        )
    return number


def _pipe(number: int, result: FdMap, opened: ExitStack) -> int:
    reader, writer = os.pipe()
    if is_in_reserve(reader):
        os.close(reader)
        os.close(writer)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    os.set_blocking(reader, False)
    result.readers[number] = reader
    opened.callback(os.close, writer)
    return writer


def _part(fds: dict[int, int], opened: ExitStack) -> None:
    """Move each descriptor whose number another one takes in the child, so that the order does not matter."""
    above = max(fds, default=2) + 1
    for number, fd in fds.items():
        if fd != number and fd in fds:
            fds[number] = duplicate(fd, above)
            opened.callback(os.close, fds[number])
