"""Descriptor numbers: close-on-exec from birth, the limit, the ones stored under a name."""

from __future__ import annotations

import fcntl
import os
import resource
from contextlib import suppress
from typing import Final

STORED_FROM: Final = 100
"""The smallest number of a stored descriptor: 3 to 31 stay free for what ``LISTEN_FDS`` maps."""


_RESERVE: Final = 32
_OF_LIMIT: Final = 64  #: children that start at once are at most this share of the descriptors: each needs some for it


def open_fds() -> list[int]:
    """Return the numbers of all descriptors that this process has open, sorted."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sorted(fd for fd in map(int, os.listdir(folder)) if is_open(fd))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return [fd for fd in range(min(soft, 65536)) if is_open(fd)]


def is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def mark_inherited_cloexec() -> None:
    """Keep what this program was born with, from descriptor 3 on, from its children.

    Call it once, before anything else opens descriptors of its own. Not for a library: the host's are not ours.
    """
    for fd in open_fds():
        if fd > 2:
            with suppress(OSError):
                os.set_inheritable(fd, False)


def raise_nofile_limit() -> tuple[int, int]:
    """Raise the soft limit of descriptors as far as the hard one allows.

    :returns: the limit before, soft and hard: what children are to get
    """
    soft, hard = born = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS calls its hard limit infinite and refuses to go there.
        for target in (hard, 65536, 10240):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
                break
    return born


def is_in_reserve(fd: int) -> bool:
    """Tell if the number of a new descriptor says that few are left.

    These are not for what there is one of for each process: clients, logs and configuration files need some too.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and fd >= soft - min(_RESERVE, soft // 8)


def as_many(most: int) -> int:
    """Return how many of *most* children may start at once, so that enough descriptors are left."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft // _OF_LIMIT))


def duplicate(fd: int, start: int) -> int:
    """Return a close-on-exec duplicate of *fd* with the smallest free number from *start* on."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, start)


class FdStore:
    """Descriptors kept under a name; the number of each one is the number that children see."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[int, str]] = {}

    def get(self, name: str) -> int | None:
        """Return the number of what is stored under *name*."""
        return self._stored[name][0] if name in self._stored else None

    def store(self, name: str, fd: int, metadata: str) -> int:
        """Keep a duplicate of *fd*; one that replaces an older one takes over its number."""
        if name in self._stored:
            number = os.dup2(fd, self._stored[name][0], inheritable=False)
        else:
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            start = STORED_FROM if soft == resource.RLIM_INFINITY else min(STORED_FROM, soft // 2)
            number = duplicate(fd, start)
        self._stored[name] = (number, metadata)
        return number

    def drop(self, name: str) -> None:
        """Close what is stored under *name*, if anything is."""
        if name in self._stored:
            os.close(self._stored.pop(name)[0])

    def fetch(self, name: str) -> int:
        """Return a new close-on-exec duplicate.

        :raises KeyError: nothing is stored under *name*
        """
        return duplicate(self._stored[name][0], 3)

    def listing(self) -> dict[str, tuple[int, str]]:
        """Return name to (number, metadata)."""
        return dict(self._stored)

    def close(self) -> None:
        """Drop everything."""
        for name in list(self._stored):
            self.drop(name)
