"""The two halves of circusd: which one this process is, and how it becomes two.

Imports little: the keeper gets ready while the other half loads what an arbiter is made of.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import NamedTuple

from circus_core.keeper.arbiters import VARIABLE
from circus_core.keeper.signals import hold, release
from circus_core.keeper.start import become_keeper


class Keeper(NamedTuple):
    """The other half.

    :param sock: the connection to it
    """

    pid: int
    sock: socket.socket


def can_have_keeper() -> bool:
    """Tell whether this system has what the keeper needs."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return hasattr(os, "memfd_create") and hasattr(select, "poll")


def channel_to_keeper() -> int | None:
    """Return the descriptor that leads to the keeper which started this process, ``None`` when none did."""
    number = os.environ.pop(VARIABLE, "")
    return int(number) if number.isdecimal() else None


def split(born_nofile: tuple[int, int]) -> Keeper:
    """Turn this process into the keeper, and return in a child of it that is its first arbiter.

    Call it while there is one thread, and after all that both are to have: limits, umask, working directory.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = os.getpid()
    hold()
    arbiter = os.fork()
    if arbiter:
        ours.close()
        theirs.set_inheritable(True)
        soft, hard = born_nofile
        become_keeper([*map(str, (theirs.fileno(), arbiter, 1, soft, hard)), *sys.argv])
    release()
    theirs.close()
    os.setsid()
    return Keeper(keeper, ours)
