"""The parent's side of the exec wrapper: what it is told, what it answers."""

from __future__ import annotations

import asyncio
import errno
import marshal
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from circus_core._descriptors import duplicate
from circus_core._launch import Launch
from circus_core._programs import explain_cwd, explain_program, not_found, program_candidates
from circus_core.errors import SpawnError
from circus_core.keeper import become
from circus_core.spawner import Credentials, SpawnRequest

PATIENCE: Final = 30.0
"""Seconds after which a wrapper that neither ran its program nor failed is given up: a dead network file system."""

_LIMITS: Final = {
    getattr(resource, name): name.removeprefix("RLIMIT_").lower()
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"  # an old name of RLIMIT_NOFILE
}
_NOBODY: Final = Credentials()


def wrap(
    launch: Launch, request: SpawnRequest, limits: Mapping[int, tuple[int, int]], stack: ExitStack
) -> tuple[Launch, int]:
    """Return the launch of a wrapper that becomes *launch*, and the read end of its error pipe.

    :param stack: closes what was opened for it, but that read end, once it is launched
    """
    free = max(launch.fds, default=2) + 1
    passed: list[int] = []
    standard: dict[int, int] = {}
    moved: dict[int, int] = {}
    for number, fd in launch.fds.items():
        if number <= 2:
            standard[number] = fd
        elif number == fd:
            passed.append(fd)
        else:
            moved[number] = _move(fd, free, stack)
    spec = _move(_file_of(_spec(launch, request, moved, limits), stack), free, stack)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    stack.callback(os.close, writer)
    errors = _move(writer, free, stack)
    wrapper = Launch(
        program=sys.executable,
        argv=(sys.executable, "-I", "-S", become.__file__, str(spec), str(errors)),
        env=dict(os.environ),  # tells where the interpreter's libraries are; the program gets its own
        cwd=None,
        fds=standard | {fd: fd for fd in (*passed, *moved.values(), spec, errors)},
    )
    return wrapper, reader


def _spec(
    launch: Launch, request: SpawnRequest, moved: Mapping[int, int], limits: Mapping[int, tuple[int, int]]
) -> bytes:
    who = request.credentials or _NOBODY
    spec = {
        "fds": moved,
        "argv": [os.fsencode(word) for word in launch.argv],
        "env": {os.fsencode(name): os.fsencode(value) for name, value in launch.env.items()},
        "candidates": [os.fsencode(path) for path in program_candidates(launch.program, launch.env)],
        "cwd": None if launch.cwd is None else os.fsencode(launch.cwd),
        "umask": request.umask,
        "uid": who.uid,
        "gid": who.gid,
        "groups": None if who.groups is None else list(who.groups),
        "limits": dict(limits),
        "listen_pid": request.listen_pid,
    }
    return marshal.dumps(spec)


def _move(fd: int, start: int, stack: ExitStack) -> int:
    number = duplicate(fd, start)
    stack.callback(os.close, number)
    return number


def _file_of(data: bytes, stack: ExitStack) -> int:
    """Return a descriptor to read *data* from."""
    if hasattr(os, "memfd_create"):  # a full disk cannot stop it
        fd = os.memfd_create("circus-spawn")
    else:
        fd, path = tempfile.mkstemp()
        os.unlink(path)
    stack.callback(os.close, fd)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def read_report(fd: int) -> bytes:
    """Return what comes through *fd* until its end, and close it.

    :raises TimeoutError: no end after :data:`PATIENCE` seconds
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    chunks: list[bytes] = []

    def read() -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        if data:
            chunks.append(data)
        elif not ended.done():
            ended.set_result(None)

    loop.add_reader(fd, read)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return b"".join(chunks)


def explain_report(report: bytes, request: SpawnRequest) -> SpawnError:
    """Return what a wrapper's *report* says, for people."""
    try:
        step, number = marshal.loads(report)
    except (ValueError, EOFError, TypeError):
        return SpawnError(f"program {request.argv[0]!r} could not be prepared: {report!r}")
    return SpawnError(explain_step(step, number, request), errno=number)


def no_wrapper(error: OSError, request: SpawnRequest) -> SpawnError:
    """Return *error*, of launching a wrapper for *request*, for people."""
    number = error.errno or errno.EIO
    why = explain_program(sys.executable, None, number)
    return SpawnError(f"{why}; {request.argv[0]!r} needs it to get its user, limits or umask", errno=number)


def explain_step(step: str, number: int, request: SpawnRequest) -> str:
    """Return why the step *step* of preparing the process of *request* gave the errno *number*."""
    reason = os.strerror(number)
    reason = reason[:1].lower() + reason[1:]
    who = request.credentials or _NOBODY
    program = request.executable or request.argv[0]
    suffix = "" if who.uid is None else f" (as user {who.uid})"
    kind, _, which = step.partition(":")
    if kind == "limit":
        name = _LIMITS.get(int(which), which)
        soft, hard = (_amount(n) for n in request.limits.get(int(which), (0, 0)))
        remedy = "only root (CAP_SYS_RESOURCE) may raise a hard limit"
        if number == errno.EINVAL:
            remedy = "the soft limit must not be above the hard one" if name != which else "no such limit here"
        return f"limit {name} cannot be {soft} (soft) and {hard} (hard): {reason}; {remedy}"
    if kind == "groups":
        return f"supplementary groups {who.groups} cannot be set: {reason}; only root may"
    if kind in ("gid", "uid"):
        what, value = ("group", who.gid) if kind == "gid" else ("user", who.uid)
        return f"program {program!r} cannot run as {what} {value}: {reason}; only root may change it"
    if kind == "cwd" and request.cwd is not None:
        return (explain_cwd(request.cwd, number) or reason) + suffix
    if kind == "exec":
        found = program_candidates(program, request.env)
        places = [place for place in found if os.path.exists(os.path.join(request.cwd or "", place))]
        if not places and "/" not in program:
            return not_found(program, request.env)
        return explain_program(places[0] if places else program, request.cwd, number, request.argv) + suffix
    return f"program {program!r} cannot be prepared ({kind.replace('_', ' ')}): {reason}"


def _amount(number: int) -> str:
    return "unlimited" if number == resource.RLIM_INFINITY else str(number)
