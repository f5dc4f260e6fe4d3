"""``WatchedFileStream``: a file that somebody else rotates."""

from __future__ import annotations

from typing import Any

from circus_streams._file_stream import BaseFileStream


class WatchedFileStream(BaseFileStream):
    """Append to a file; when its path became another file, or none, go on with a new one at that path."""

    def __init__(self, filename: str | None = None, time_format: str | None = None, **_ignored: Any) -> None:
        super().__init__(filename, time_format)

    def _append(self, lines: memoryview, moment: float) -> None:
        if self._file.is_rotatable and self._file.is_moved():
            self._file.renew()
        self._file.write(lines)
