"""What the keeper is told of a child to create, and what its answers mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import field
from typing import Any, Final

from circus_core._descriptors import is_in_reserve
from circus_core._programs import checked_program, explain_launch, find_program, program_candidates
from circus_core._wrapped import explain_step
from circus_core.errors import SpawnError
from circus_core.keeper.wire import close_all
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import Credentials, OpenFd, SpawnFailure, SpawnRequest, Stdio, StoredFd

_NOBODY: Final = Credentials()


@dataclass(slots=True)
class Specification:
    """A request, as the keeper takes it.

    :param common: the fields that others may share; the very same object where they do
    :param own: those that are its own
    :param fds: what they refer to
    :param readers: 1 or 2 to the read end of its pipe; ours, as the write ends are
    """

    common: dict[str, Any]
    own: dict[str, Any] = field(default_factory=dict)
    fds: list[int] = field(default_factory=list)
    readers: dict[int, int] = field(default_factory=dict)
    _writers: list[int] = field(default_factory=list)

    def add_pipe(self) -> tuple[int, int]:
        """Make a pipe, and return read and write end as numbers of what is passed."""
        reader, writer = os.pipe()
        if is_in_reserve(reader):
            close_all((reader, writer))
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        os.set_blocking(reader, False)
        self._writers.append(writer)
        self.fds += [reader, writer]
        return len(self.fds) - 2, len(self.fds) - 1

    def close(self, *, keeps_readers: bool) -> None:
        """Close the write ends, and the read ends too unless they are somebody's by now."""
        close_all(self._writers)
        if not keeps_readers:
            close_all(self.readers.values())


class Specifier:
    """Works out what the keeper is told of each of several requests; what is the same for all only once.

    :param stored: names of the descriptors that it holds
    """

    def __init__(self, stored: Collection[str]) -> None:
        self._stored = stored
        self._last: tuple[SpawnRequest, dict[str, Any]] | None = None

    def specify(self, request: SpawnRequest) -> Specification:
        """Return what the keeper is told.

        :raises SpawnError: the request cannot be met
        :raises OSError: no more descriptors are to be had
        """
        if self._last is None or not _is_alike(request, self._last[0]):
            self._last = request, _common(request)
        elif request.argv is not self._last[0].argv:
            checked_program(request)
        made = Specification(self._last[1])
        try:
            fds, pipes = _descriptors(request, self._stored, made)
        except BaseException:
            made.close(keeps_readers=False)
            raise
        made.own = {
            "argv": [os.fsencode(word) for word in request.argv],
            "fds": fds,
            "pipes": pipes,
            "passed": len(made.fds),
            "label": request.label,
        }
        return made


def _is_alike(one: SpawnRequest, other: SpawnRequest) -> bool:
    return (
        one.env is other.env
        and one.argv[:1] == other.argv[:1]
        and one.executable == other.executable
        and one.cwd == other.cwd
        and one.umask == other.umask
        and one.credentials == other.credentials
        and one.limits == other.limits
        and one.listen_pid == other.listen_pid
    )


def _common(request: SpawnRequest) -> dict[str, Any]:
    program = checked_program(request)
    if is_exact(request):
        candidates = program_candidates(program, request.env)
    else:
        candidates = [find_program(program, request.env, request.cwd)]
    who = request.credentials or _NOBODY
    return {
        "candidates": [os.fsencode(path) for path in candidates],
        "env": {os.fsencode(name): os.fsencode(value) for name, value in request.env.items()},
        "cwd": None if request.cwd is None else os.fsencode(request.cwd),
        "umask": request.umask,
        "uid": who.uid,
        "gid": who.gid,
        "groups": None if who.groups is None else list(who.groups),
        "limits": dict(request.limits),
        "listen_pid": request.listen_pid,
    }


def explain(step: str, number: int, request: SpawnRequest) -> SpawnFailure:
    """Return why the keeper could not create a child."""
    if step != "launch":
        return SpawnFailure(explain_step(step, number, request), number)
    program = request.executable or request.argv[0]
    if not is_exact(request):
        program = find_program(program, request.env, request.cwd)
    return failure(explain_launch(OSError(number, ""), program, request))


def is_exact(request: SpawnRequest) -> bool:
    """Tell whether the keeper has to fork for it: then the program is looked up with the rights of its user."""
    is_plain = request.credentials is None and request.umask is None and not request.limits
    return not is_plain or request.listen_pid


def failure(error: SpawnError) -> SpawnFailure:
    """Return *error* as an answer."""
    return SpawnFailure(str(error), error.errno)


def _descriptors(
    request: SpawnRequest, stored: Collection[str], made: Specification
) -> tuple[dict[int, int | str], dict[int, int]]:
    """Return what the descriptors of the child are, and the read ends of its pipes; what is passed goes to *made*."""
    fds: dict[int, int | str] = {}
    pipes: dict[int, int] = {}
    for number, source in enumerate((request.stdin, request.stdout, request.stderr)):
        if not isinstance(source, Stdio):
            fds[number] = _source(source, stored, made)
        elif source is Stdio.NULL:
            fds[number] = source.value
        elif source is Stdio.PIPE:
            if number == 0:
                raise SpawnError("standard input cannot be a pipe of the Spawner; give an open descriptor")
            pipes[number], fds[number] = made.add_pipe()
            made.readers[number] = made.fds[pipes[number]]
    for number, source in request.fds.items():
        fds[number] = _source(source, stored, made)
    return fds, pipes


def _source(source: StoredFd | OpenFd, stored: Collection[str], made: Specification) -> int | str:
    if isinstance(source, OpenFd):
        made.fds.append(source.fd)
        return len(made.fds) - 1
    if source.name not in stored:
        raise SpawnError(f"no descriptor is stored under {source.name!r}; known: {', '.join(stored) or 'none'}")
    return f"stored:{source.name}"
