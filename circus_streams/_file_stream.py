"""What all streams to a file share."""

from __future__ import annotations

import time

from circus_core.errors import ShortWriteError
from circus_core.interfaces import Chunk
from circus_streams._append_file import AppendFile
from circus_streams._callable import CallableStream


class BaseFileStream(CallableStream):
    """Appends to a file, each line after its time and pid when there is a ``time_format``.

    A subclass decides by ``_render`` how lines look and by ``_append`` which file they go to.

    :param filename: ``None`` for a new temporary file
    :param time_format: as for ``strftime``
    """

    def __init__(self, filename: str | None = None, time_format: str | None = None) -> None:
        self._time_format = time_format or None
        self._file = AppendFile(filename or "")

    @property
    def _filename(self) -> str:
        return self._file.path

    @property
    def may_block(self) -> bool:  # type: ignore[override]  # known only once it is open
        """Whether the file is a FIFO, a terminal or on another machine."""
        return self._file.may_block

    @property
    def takes_raw(self) -> bool:  # type: ignore[override]  # depends on an option
        """Whether lines are written as they are."""
        return self._time_format is None

    def open(self) -> None:
        self._file.log = self.write_log
        self._file.open()

    def reopen(self) -> None:
        self._file.open()

    def close(self) -> None:
        self._file.close()

    def write(self, chunk: Chunk) -> None:
        if self.takes_raw:
            self._append(memoryview(chunk.data), chunk.time)
            return
        lines = self._render(chunk)
        try:
            self._append(memoryview(lines), chunk.time)
        except ShortWriteError as exc:
            written = lines[: len(lines) - exc.untaken].count(b"\n")
            raise ShortWriteError(exc, untaken=len(chunk.data.split(b"\n", written)[written])) from exc

    def write_raw(self, lines: memoryview) -> None:
        self._append(lines, time.time())

    def _render(self, chunk: Chunk) -> bytes:
        """Return one line for each line of *chunk*, when they are not taken as they are."""
        return stamped(chunk, self._time_format or "")

    def _append(self, lines: memoryview, moment: float) -> None:
        """Write *lines*, which were read at Unix time *moment*."""
        self._file.write(lines)


def stamped(chunk: Chunk, time_format: str, *, before: str = "", after: str = "") -> bytes:
    """Return the lines of *chunk*, each as ``TIME [pid] | line``, the last one ended.

    :param before: goes before each line
    :param after: goes after each line
    """
    moment = time.strftime(time_format, time.localtime(chunk.time))
    head, tail = f"{before}{moment} [{chunk.pid}] | ".encode(), after.encode() + b"\n"
    return head + chunk.data.removesuffix(b"\n").replace(b"\n", tail + head) + tail
