"""``FancyStdoutStream``: standard output with time, pid and a colour."""

from __future__ import annotations

import os
from typing import Any, Final

from circus_core.errors import OptionError
from circus_core.interfaces import Chunk
from circus_streams._file_stream import BaseFileStream, stamped

_COLORS: Final = {
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "magenta": 35,
    "cyan": 36,
    "white": 37,
}
_CYCLE: Final = tuple(_COLORS.values())[:-1]  # white may be the colour of everything else


class FancyStdoutStream(BaseFileStream):
    """Copy lines to the daemon's standard output, each after its time and pid, each process in a colour of its own.

    ``color`` gives all the same one. There is none where standard output is no terminal or ``NO_COLOR`` is set.
    """

    def __init__(self, color: str | None = None, time_format: str = "%Y-%m-%d %H:%M:%S", **_ignored: Any) -> None:
        super().__init__("/dev/stdout", time_format)
        word = (color or "").strip().lower()
        if word and word not in _COLORS:
            raise OptionError("color", color, why="no such color", fix=f"write one of {', '.join(_COLORS)}")
        self._color = _COLORS.get(word)
        self._is_plain = True

    def open(self) -> None:
        super().open()
        self._is_plain = bool(os.environ.get("NO_COLOR")) or not self._file.is_terminal

    def _render(self, chunk: Chunk) -> bytes:
        if self._is_plain:
            return super()._render(chunk)
        color = self._color or _CYCLE[(chunk.wid or chunk.pid) % len(_CYCLE)]
        return stamped(chunk, self._time_format or "", before=f"\033[{color}m", after="\033[0m")
