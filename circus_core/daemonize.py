"""Into the background, with the truth about the start for who asked for it."""

from __future__ import annotations

import os
import signal
import sys
from typing import Final, NoReturn

_READY: Final = b"\0"
_ENDED_EARLY: Final = b"circusd ended before it was ready"


class Daemonizer:
    """The way of a daemon to tell its first parent how the start went; made by :func:`daemonize`.

    Until :meth:`ready` the daemon keeps the terminal, so that what it says while starting is seen.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def ready(self) -> None:
        """Let go of the terminal, and have the first parent exit with 0. Call it before the first child is spawned."""
        _flush()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        self._tell(_READY)

    def failed(self, text: str) -> None:
        """Have the first parent print *text* and exit with 1."""
        self._tell(text.encode(errors="replace"))

    def _tell(self, message: bytes) -> None:
        if self._pipe < 0:
            return
        pipe, self._pipe = self._pipe, -1
        try:
            with os.fdopen(pipe, "wb") as out:
                out.write(message)
        except BrokenPipeError:  # the first parent was killed: nobody waits
            pass


def daemonize() -> Daemonizer:
    """Return in a daemon: no parent, a session of its own, none of the descriptors above 2 that it was born with.

    The calling process does not return: it waits for the daemon's :meth:`Daemonizer.ready` or
    :meth:`Daemonizer.failed` and exits with 0 or 1. Working directory and umask stay. Call it first of all: there may
    be no second thread, and what was opened before is closed.
    """
    _keep_standard_descriptors_taken()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    reading, writing = os.pipe()
    _flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    first = os.fork()
    if first:
        os.close(writing)
        _wait_for_start(first, reading, mask)
    os.close(reading)
    os.setsid()
    if os.fork():  # no session leader, so that no terminal ever becomes its own
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # an interrupt before this was the first parent's
    return Daemonizer(writing)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it is when its descriptor was closed at the start
            stream.flush()


def _keep_standard_descriptors_taken() -> None:
    while (fd := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(fd, True)
    os.close(fd)


def _wait_for_start(first: int, reading: int, mask: set[int | signal.Signals]) -> NoReturn:
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # an interrupt is noticed here, and not before
        os.waitpid(first, 0)
        with os.fdopen(reading, "rb") as pipe:
            message = pipe.read()
    except KeyboardInterrupt:
        _end(130, b"not waiting for circusd, which goes on starting in the background")
    if message == _READY:
        os._exit(0)
    _end(1, message or _ENDED_EARLY)


def _end(code: int, text: bytes) -> NoReturn:
    os.write(2, text + b"\n")
    os._exit(code)
