"""``Pidfile``: a file with a pid in it."""

from __future__ import annotations

import os


class Pidfile:
    """A pidfile that a program keeps by itself.

    :param fname: its path
    """

    def __init__(self, fname: str) -> None:
        self.fname = fname
        self.pid: int | None = None

    def create(self, pid: int) -> None:
        """Write *pid*.

        :raises RuntimeError: a process that lives has it already
        :raises OSError: the system refuses
        """
        owner = self.validate()
        if owner is not None:
            if owner == os.getpid():
                return
            raise RuntimeError(f"{self.fname!r} names process {owner}, which lives; stop it or use another file")
        with open(self.fname, "w", encoding="ascii") as file:
            file.write(f"{pid}\n")
        os.chmod(self.fname, 0o644)
        self.pid = pid

    def rename(self, path: str) -> None:
        """Have the file at another path."""
        self.unlink()
        self.fname = path
        if self.pid is not None:
            self.create(self.pid)

    def unlink(self) -> None:
        """Remove the file, if it names the pid that was written."""
        try:
            with open(self.fname, encoding="ascii") as file:
                written = file.read()
            if written.strip() == str(self.pid):
                os.unlink(self.fname)
        except (OSError, UnicodeDecodeError):
            pass  # it is not there, or not ours

    def validate(self) -> int | None:
        """Return the pid in the file if such a process lives."""
        try:
            with open(self.fname, encoding="ascii") as file:
                pid = int(file.read() or 0)
        except (OSError, ValueError):
            return None
        if pid <= 0:
            return None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return pid
