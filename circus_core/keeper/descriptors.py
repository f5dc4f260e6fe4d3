"""Room for descriptors: the kernel's table of them grows slowly in a program with threads."""

from __future__ import annotations

import fcntl
import os
import resource

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final

_ROOM: Final = 4096  #: descriptors, 40 kB of the kernel's memory; those of a thousand processes with their output


def make_room() -> None:
    """Let the kernel's table of this process's descriptors be large from now on; call it before there are threads.

    The table doubles when it is full. With threads who opens the next one then waits 8 to 20 ms, until no other thread
    reads the old table (``expand_files`` of Linux); with one thread it takes no time.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = _ROOM if soft == resource.RLIM_INFINITY else min(_ROOM, soft)
    try:
        reader, writer = os.pipe()
        try:
            os.close(fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, room - 1))
        finally:
            os.close(reader)
            os.close(writer)
    except OSError:  # none is free: then there is no room to make
        pass
