"""What the keeper has to say: a line on standard error, or on the log file that an arbiter left with it."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final

_target: Final = [2]


def log(level: str, text: str) -> None:
    """Write one line; a log that takes nothing, or nothing now, is no reason to stop."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    line = f"{moment} circus[{os.getpid()}] [{level}] keeper: {text}\n"
    poll = select.poll()
    poll.register(_target[0], select.POLLOUT)
    try:
        # A pipe that takes something takes as much as is atomic.
        if poll.poll(0):
            os.write(_target[0], line.encode(errors="backslashreplace")[: select.PIPE_BUF])
    except OSError:
        pass


def log_to(fd: int) -> None:
    """Write to *fd* from now on."""
    _target[0] = fd
