"""A process of a watcher that prints what a test tells it to."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.ini import PROGRAMS, PYTHON, Section, watcher


class Talker:
    """Makes the watcher *name*, and has its process print.

    :param home: where its FIFO is
    """

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        self._fifo = home / f"{name}.fifo"
        os.mkfifo(self._fifo)
        self._fd = os.open(self._fifo, os.O_RDWR | os.O_CLOEXEC)  # stays open: keeps what is not read yet

    def section(self, **options: object) -> Section:
        """Return the watcher's section."""
        return watcher(self.name, cmd=f"{PYTHON} {PROGRAMS}/echo.py {self._fifo}", **options)

    def says(self, *lines: str) -> None:
        """Have *lines* printed, those that begin with ``!`` on standard error; after ``exit`` it ends."""
        os.write(self._fd, "".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Close the FIFO."""
        os.close(self._fd)
