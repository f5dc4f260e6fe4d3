"""Programs: where the file of one is, why it cannot be run."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Final

from circus_core._descriptors import is_open
from circus_core.errors import SpawnError
from circus_core.spawner import OpenFd, SpawnRequest

DEFAULT_PATH: Final = "/bin:/usr/bin"


def checked_program(request: SpawnRequest) -> str:
    """Return the program that *request* asks for, not looked up.

    :raises SpawnError: some word of the request is one that the system cannot be told
    """
    program = request.executable or (request.argv[0] if request.argv else "")
    if not program:
        raise SpawnError("the command is empty; give a program to run", errno=errno.EINVAL)
    for word in (*request.argv, program, request.cwd or ""):
        if not _can_pass(word):
            raise SpawnError(f"{word!r} has a character that no argument or path can have", errno=errno.EINVAL)
    for name, value in request.env.items():
        if not name or "=" in name or not _can_pass(name):
            raise SpawnError(f"environment variable {name!r} cannot have this name; rename it", errno=errno.EINVAL)
        if not _can_pass(value):  # which may be a secret
            why = "has a character in its value that no environment can have"
            raise SpawnError(f"environment variable {name!r} {why}", errno=errno.EINVAL)
    return program


def _can_pass(word: str) -> bool:
    if "\0" in word:
        return False
    if word.isascii():
        return True
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return False
    return True


def program_candidates(program: str, env: Mapping[str, str]) -> list[str]:
    """Return the files that *program* may mean, in the order to try them, relative to the working directory."""
    if "/" in program:
        return [program]
    folders = env.get("PATH", DEFAULT_PATH).split(":")
    return [os.path.join(folder or ".", program) for folder in folders]


def find_program(program: str, env: Mapping[str, str], cwd: str | None) -> str:
    """Return the file to execute, as it is to be called from *cwd*.

    A program with a ``/`` is not looked up; whether it can be run shows when it is.

    :raises SpawnError: it is nowhere in ``PATH``
    """
    if "/" in program:
        return program
    refused = None
    for candidate in program_candidates(program, env):
        place = os.path.join(cwd or "", candidate)
        if os.path.isfile(place):
            if os.access(place, os.X_OK):
                return candidate
            refused = refused or place
    if refused is not None:
        raise SpawnError(f"program {refused!r} is not executable; chmod +x it", errno=errno.EACCES)
    raise SpawnError(not_found(program, env), errno=errno.ENOENT)


def not_found(program: str, env: Mapping[str, str]) -> str:
    """Return the text for a *program* that is in no folder of ``PATH``."""
    if "PATH" in env:
        return f"program {program!r} was not found in PATH={env['PATH']}; correct PATH or write the full path"
    return (
        f"program {program!r} was not found in {DEFAULT_PATH} and its environment has no PATH; "
        "write the full path, or set copy_env or PATH"
    )


def explain_launch(error: OSError, program: str, request: SpawnRequest) -> SpawnError:
    """Return *error*, of launching *program* for *request*, for people."""
    number = error.errno or errno.EIO
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EACCES) and request.cwd is not None:
        text = explain_cwd(request.cwd)
        if text is not None:
            return SpawnError(text, errno=number)
    closed = [source.fd for source in _open_fds(request) if not is_open(source.fd)]
    if number == errno.EBADF and closed:
        asked = request.executable or request.argv[0]
        return SpawnError(f"descriptor {closed[0]}, which program {asked!r} is to get, is not open", errno=number)
    return SpawnError(explain_program(program, request.cwd, number, request.argv), errno=number)


def _open_fds(request: SpawnRequest) -> list[OpenFd]:
    sources = (request.stdin, request.stdout, request.stderr, *request.fds.values())
    return [source for source in sources if isinstance(source, OpenFd)]


def explain_cwd(cwd: str, number: int | None = None) -> str | None:
    """Return why *cwd* cannot be entered, ``None`` when it can.

    :param number: the errno that entering it gave; without it, it is tried
    """
    place = f"working directory {cwd!r}"
    try:
        is_folder = stat.S_ISDIR(os.stat(cwd).st_mode)
    except OSError as exc:
        return f"{place} {_reason(exc.errno or errno.ENOENT)}"
    if not is_folder:
        return f"{place} is not a directory"
    if number is not None or not os.access(cwd, os.X_OK):
        return f"{place} cannot be entered: {_reason(number or errno.EACCES)}"
    return None


def explain_program(program: str, cwd: str | None, number: int, argv: Sequence[str] = ()) -> str:
    """Return why executing the file *program* from *cwd* gave the errno *number*, with a remedy where there is one."""
    place = os.path.join(cwd or "", program)
    name = f"program {place!r}"
    if number == errno.ENOENT and os.path.lexists(place):
        if os.path.exists(place):
            return f"{name} cannot be run: the interpreter that it names in its first line or header does not exist"
        return f"{name} is a link to nothing"
    if number == errno.EACCES and os.path.isdir(place):
        return f"{name} is a directory"
    if number == errno.EACCES and os.path.isfile(place) and not os.access(place, os.X_OK):
        return f"{name} is not executable; chmod +x it"
    if number == errno.ENOEXEC:
        return f"{name} is neither a program of this machine nor a script whose first line starts with #!"
    if number == errno.E2BIG:
        return f"{name} cannot be run: its {len(argv)} arguments and environment are too big for the system"
    if number in (errno.EMFILE, errno.ENFILE):
        return f"{name} cannot be run: too many open files; raise the limit of descriptors (ulimit -n)"
    if number == errno.EAGAIN:
        return f"{name} cannot be run: too many processes for the system or the user; raise rlimit nproc"
    if number in (errno.ENOENT, errno.ENOTDIR):
        return f"{name} does not exist"
    return f"{name} cannot be run: {_reason(number)}"


def _reason(number: int) -> str:
    if number == errno.ENOENT:
        return "does not exist"
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
