"""Between fork and exec: sets what must be right before a program runs, then becomes it.

The keeper does it in the child that it forked. Where there is no keeper it is run as a script,
``python -I -S become.py SPEC ERROR``, with two descriptors: SPEC holds a marshalled dictionary, ERROR
is a pipe that closes when the program runs, or carries ``(step, errno)`` when something could not be set. In that case
nothing runs. Imports only what is compiled into the interpreter or cheap (8 ms to start; with ``json`` and ``signal``
15): every such child pays for it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import marshal
import os
import resource
import sys

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, NoReturn

ENOENT, EPERM, EACCES, ENOMEM, ENOTDIR, EINVAL, EBADF, EMFILE = 2, 1, 13, 12, 20, 22, 9, 24


class StepError(Exception):
    """The step called *step* gave *number*."""

    def __init__(self, step: str, number: int | None) -> None:
        super().__init__(step, number or EINVAL)
        self.step = step
        self.number = number or EINVAL


def main(spec_fd: int, error_fd: int) -> NoReturn:
    """Become the program, or write why not to *error_fd* and end."""
    os.set_inheritable(error_fd, False)
    with open(spec_fd, "rb") as file:
        spec: dict[str, Any] = marshal.load(file)
    try:
        become(spec)
    except StepError as exc:
        report = (exc.step, exc.number)
    os.write(error_fd, marshal.dumps(report))
    os._exit(127)


def become(spec: dict[str, Any]) -> NoReturn:
    """Apply *spec* in the order that lets every step succeed, the privileges going last.

    :raises StepError: nothing of it runs
    """
    for step in (place_fds, reset_signals, set_limits, set_credentials, enter_cwd):
        try:
            step(spec)
        except StepError:
            raise
        except OSError as exc:
            raise StepError(step.__name__, exc.errno) from exc
        except MemoryError as exc:
            raise StepError(step.__name__, ENOMEM) from exc
    if spec["listen_pid"]:
        spec["env"][b"LISTEN_PID"] = str(os.getpid()).encode()
    execute(spec)


def place_fds(spec: dict[str, Any]) -> None:
    """Give each descriptor its number; before the limits, which may forbid that number."""
    for target, source in spec["fds"].items():
        if target == source:
            os.set_inheritable(target, True)
        else:
            os.dup2(source, target)
    for source in set(spec["fds"].values()) - spec["fds"].keys():
        os.set_inheritable(source, False)


def reset_signals(spec: dict[str, Any]) -> None:
    """Undo what this interpreter, and perhaps its parent, ignores or blocks."""
    for signum in _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}:
        _signal.signal(signum, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def set_limits(spec: dict[str, Any]) -> None:
    """Set each limit to exactly what was asked, and the file mode mask."""
    if spec["umask"] is not None:
        os.umask(spec["umask"])
    for number, limit in spec["limits"].items():
        try:
            resource.setrlimit(number, limit)
        except ValueError as exc:  # so does the module tell EPERM, and EINVAL
            is_order_wrong = limit[1] != resource.RLIM_INFINITY and not 0 <= limit[0] <= limit[1]
            raise StepError(f"limit:{number}", EINVAL if is_order_wrong else EPERM) from exc
        except OSError as exc:
            raise StepError(f"limit:{number}", exc.errno) from exc


def set_credentials(spec: dict[str, Any]) -> None:
    """Change groups, group, user, in this order: after the user nothing else may be changed."""
    if spec["groups"] is not None and set(spec["groups"]) != set(os.getgroups()):
        _attempt("groups", os.setgroups, spec["groups"])
    if spec["gid"] is not None:
        _attempt("gid", os.setgid, spec["gid"])
    if spec["uid"] is not None:
        _attempt("uid", os.setuid, spec["uid"])


def _attempt(step: str, change: Any, value: Any) -> None:
    try:
        change(value)
    except OSError as exc:
        raise StepError(step, exc.errno) from exc
    except (OverflowError, ValueError) as exc:
        raise StepError(step, EINVAL) from exc


def enter_cwd(spec: dict[str, Any]) -> None:
    """Change the working directory, with the rights of the new user."""
    if spec["cwd"] is not None:
        _attempt("cwd", os.chdir, spec["cwd"])


def execute(spec: dict[str, Any]) -> NoReturn:
    """Execute the first candidate that is there, with the rights of the new user."""
    number = ENOENT
    for candidate in spec["candidates"]:
        try:
            os.execve(candidate, spec["argv"], spec["env"])
        except OSError as exc:
            if len(spec["candidates"]) == 1 or exc.errno not in (EACCES, ENOENT, ENOTDIR):
                raise StepError("exec", exc.errno) from exc
            if exc.errno == EACCES:
                number = EACCES
        except MemoryError as exc:
            raise StepError("exec", ENOMEM) from exc
    raise StepError("exec", number)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
