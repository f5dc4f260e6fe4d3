"""Read ends of pipes that somebody else was given, and may have closed."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from circus_core._descriptors import duplicate
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LentPipe:
    """The read end of a pipe, which is somebody else's: it may be closed by now, and the number another file's.

    :param inode: tells that it is still the same
    """

    fd: int
    inode: int

    def duplicate(self) -> int | None:
        """Return a duplicate, ``None`` when it was closed."""
        try:
            fd = duplicate(self.fd, 3)
        except OSError:
            return None
        there = os.fstat(fd)
        if stat.S_ISFIFO(there.st_mode) and there.st_ino == self.inode:
            return fd
        os.close(fd)
        return None


def lent_pipes(pipes: Mapping[int, int]) -> dict[int, LentPipe]:
    """Return what can be duplicated later, as long as it is not closed."""
    return {number: LentPipe(fd, os.fstat(fd).st_ino) for number, fd in pipes.items()}
