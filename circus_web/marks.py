"""Names that are set once and remembered for a while, by all processes that share a folder."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


class Marks:
    """A set of names, each a file in *folder*, or in memory when there is none.

    :param lifetime: seconds after which a name may be forgotten
    """

    def __init__(self, folder: Path | None, lifetime: float) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._known: set[str] = set()
        if folder is not None:
            folder.mkdir(mode=0o700, exist_ok=True)

    def add(self, name: str) -> bool:
        """Set *name*, a hexadecimal number, and return whether it was not set before."""
        if self._folder is None:
            is_new = name not in self._known
            self._known.add(name)
            return is_new
        self._forget_old(self._folder)
        try:
            os.close(os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def __contains__(self, name: str) -> bool:
        return name in self._known if self._folder is None else (self._folder / name).exists()

    def _forget_old(self, folder: Path) -> None:
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - self._lifetime:
                    path.unlink()
