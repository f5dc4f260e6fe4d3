"""``TimedRotatingFileStream``: a file that is rotated by time."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

from circus_core import values
from circus_core.errors import ShortWriteError
from circus_streams._file_stream import BaseFileStream
from circus_streams._options import option
from circus_streams._rollover import drop_oldest, set_aside
from circus_streams._schedule import Schedule, parse_when


class TimedRotatingFileStream(BaseFileStream):
    """Append to a file; with the first line after its time is over it becomes ``filename.20260131``.

    ``rotate_when`` and ``rotate_interval`` say how long it serves; ``backup_count`` old files are kept, all
    of them when it is 0.
    """

    def __init__(  # noqa: PLR0917 - their documented order
        self,
        filename: str | None = None,
        backup_count: int | str = 0,
        time_format: str | None = None,
        rotate_when: str = "H",
        rotate_interval: int | str = 1,
        utc: bool | str = False,
        **_ignored: Any,
    ) -> None:
        super().__init__(filename, time_format)
        self._backup_count = option(
            "backup_count", backup_count or 0, partial(values.whole, minimum=0), fix="write how many files to keep"
        )
        unit, weekday = option("rotate_when", rotate_when, parse_when, fix="write S, M, H, D, MIDNIGHT or W0 to W6")
        interval = option(
            "rotate_interval", rotate_interval, partial(values.whole, minimum=1), fix="write a whole number from 1"
        )
        self._schedule = Schedule(unit, weekday, interval, option("utc", utc, values.boolean, fix="write yes or no"))
        self._rollover_at = 0.0

    def open(self) -> None:
        super().open()
        self._plan()

    def reopen(self) -> None:
        super().reopen()
        self._plan()

    def _append(self, lines: memoryview, moment: float) -> None:
        if self._file.is_rotatable:
            # Another stream to the same path, such as the one of stderr, may have rotated it.
            if self._file.is_moved():
                self._file.renew()
                self._plan()
            elif moment >= self._rollover_at:
                self._roll_over(lines, moment)
                return
        self._file.write(lines)

    def _roll_over(self, lines: memoryview, moment: float) -> None:
        until = self._rollover_at
        self._rollover_at = self._schedule.next_after_period(until, moment)
        try:
            if self._file.size():
                set_aside(self._filename, f"{self._filename}.{self._schedule.name(until)}")
                drop_oldest(self._filename, self._backup_count)
        except OSError as exc:  # better in the wrong file than lost
            self._file.write(lines)
            raise ShortWriteError(exc, untaken=0) from exc
        self._file.renew()
        self._file.write(lines)

    def _plan(self) -> None:
        # A file that is continued was begun at the latest when it was last written.
        begun = os.stat(self._filename).st_mtime if self._file.size() else time.time()
        self._rollover_at = self._schedule.next_after(begun)
