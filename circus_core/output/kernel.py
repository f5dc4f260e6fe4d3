"""Pipes: how much is in one, how much it may hold, how it is emptied without holding up who writes."""

from __future__ import annotations

import array
import fcntl
import os
import termios
from typing import Final

SMALL_PIPE: Final = 64 * 1024  #: what a pipe is born with
BIG_PIPE: Final = 1024 * 1024  #: as big as a user without privileges may make one
_F_SETPIPE_SZ: Final[int | None] = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only


def bytes_in(pipe: int) -> int:
    """Return how many bytes wait in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def resize_pipe(pipe: int, size: int) -> bool:
    """Have a pipe hold *size* bytes, and tell whether it does; the system may refuse, and that is fine."""
    if _F_SETPIPE_SZ is None:
        return False
    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, size)
    except OSError:  # EPERM: above the user's limit; EBUSY: more is in it
        return False
    return True


class Relay:
    """A pipe of ours that other pipes are emptied into, one after the other.

    The kernel moves pages and copies nothing, so that who prints does not wait while its output is copied.

    :param fd: open for reading and writing, ours from now on
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @staticmethod
    def create() -> Relay:
        """Return an empty one.

        :raises OSError: the system has no such thing
        """
        reading, writing = os.pipe()
        try:
            fd = os.open(f"/proc/self/fd/{reading}", os.O_RDWR | os.O_CLOEXEC)
        finally:
            os.close(reading)
            os.close(writing)
        resize_pipe(fd, BIG_PIPE)  # a smaller one takes more turns
        return Relay(fd)

    def fill(self, pipe: int, limit: int) -> int:
        """Move up to *limit* bytes out of *pipe* to here and return how many, 0 at its end.

        :raises BlockingIOError: nothing is there
        """
        return os.splice(pipe, self.fd, limit, flags=os.SPLICE_F_NONBLOCK)

    def take(self, room: memoryview) -> None:
        """Fill *room* with what is here, which is enough."""
        while room:
            room = room[os.readv(self.fd, [room]) :]

    def left(self) -> int:
        """Return how many bytes are here."""
        return bytes_in(self.fd)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)
