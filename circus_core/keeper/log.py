"""What the keeper has to say: a line on standard error, or on the log file that an arbiter left with it."""

from __future__ import annotations

import os
import time
from typing import Final

_target: Final = [2]


def log(level: str, text: str) -> None:
    """Write one line; a log that takes nothing is no reason to stop."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    line = f"{moment} circus[{os.getpid()}] [{level}] keeper: {text}\n"
    try:
        os.write(_target[0], line.encode(errors="backslashreplace"))
    except OSError:
        pass


def log_to(fd: int) -> None:
    """Write to *fd* from now on."""
    _target[0] = fd
