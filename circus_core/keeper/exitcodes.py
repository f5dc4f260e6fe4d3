"""The exit code of a process that is not our child, where the kernel tells it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final

# <linux/pidfd.h>, Linux 6.15: struct pidfd_info, of which the first 64 bytes are in every version.
_GET_INFO: Final = 0xC040FF0B
_INFO_EXIT: Final = 1 << 3
_EXIT_CODE_AT: Final = 60


def of_stranger(pidfd: int, pid: int) -> int | None:
    """Return the exit code of an ended process, minus the signal number; ``None`` when nobody tells it."""
    for ask in (_from_pidfd, _from_stat, _from_pidfd):  # its parent may collect it between the first two
        with suppress(OSError, ValueError, IndexError):
            status = ask(pidfd, pid)
            if status is not None:
                return os.waitstatus_to_exitcode(status)
    return None


def _from_pidfd(pidfd: int, pid: int) -> int | None:
    """Ask the kernel, which remembers it once the parent collected it."""
    info = bytearray(64)
    info[:8] = _INFO_EXIT.to_bytes(8, "little")
    fcntl.ioctl(pidfd, _GET_INFO, info)
    if not int.from_bytes(info[:8], "little") & _INFO_EXIT:
        return None
    return int.from_bytes(info[_EXIT_CODE_AT:64], "little")


def _from_stat(pidfd: int, pid: int) -> int | None:
    """Read it of the zombie."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[49]) if fields[0] in (b"Z", b"X") else None
