"""``FileStream``: a file that may be rotated by size."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from circus_core import values
from circus_core.errors import ShortWriteError
from circus_streams._file_stream import BaseFileStream
from circus_streams._options import option
from circus_streams._rollover import shift_backups

_WINDOW: Final = 64 * 1024  # where the last line end before a limit is looked for at first


class FileStream(BaseFileStream):
    """Append to a file, which stays smaller than ``max_bytes`` (unless one line is longer).

    A full one becomes ``filename.1``, the one before it ``filename.2`` up to ``backup_count``; with no
    backups it is emptied. Files end with a whole line.
    """

    def __init__(
        self,
        filename: str | None = None,
        max_bytes: int | str = 0,
        backup_count: int | str = 0,
        time_format: str | None = None,
        **_ignored: Any,
    ) -> None:
        super().__init__(filename, time_format)
        self._max_bytes = option("max_bytes", max_bytes or 0, values.size, fix="write a size such as 4096 or 10M")
        self._backup_count = option(
            "backup_count", backup_count or 0, partial(values.whole, minimum=0), fix="write how many files to keep"
        )

    def _append(self, lines: memoryview, moment: float) -> None:
        if not self._max_bytes or not self._file.is_rotatable:
            self._file.write(lines)
            return
        while lines:
            size = self._size()
            part = _whole_lines(lines, self._max_bytes - 1 - size)
            if not part and size:
                self._roll_over(lines)
                continue
            part = part or _first_line(lines)
            try:
                self._file.write(lines[:part])
            except ShortWriteError as exc:
                raise ShortWriteError(exc, untaken=exc.untaken + len(lines) - part) from exc
            lines = lines[part:]

    def _size(self) -> int:
        # Another stream to the same path, such as the one of stderr, may have rotated it.
        if self._file.is_moved():
            self._file.renew()
        return self._file.size()

    def _roll_over(self, lines: memoryview) -> None:
        try:
            if self._backup_count:
                shift_backups(self._filename, self._backup_count)
            else:
                self._file.truncate()
        except OSError as exc:  # better in a file too long than lost
            self._file.write(lines)
            raise ShortWriteError(exc, untaken=0) from exc
        self._file.renew()


def _whole_lines(lines: memoryview, limit: int) -> int:
    """Return the length of the whole lines at the beginning that fit *limit*."""
    if limit <= 0:
        return 0
    if len(lines) <= limit:
        return len(lines)
    start = max(0, limit - _WINDOW)
    end = bytes(lines[start:limit]).rfind(b"\n") + 1
    if not end and start:
        start, end = 0, bytes(lines[:limit]).rfind(b"\n") + 1
    return start + end if end else 0


def _first_line(lines: memoryview) -> int:
    return bytes(lines).find(b"\n") + 1 or len(lines)
