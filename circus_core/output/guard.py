"""A stream whose failures are counted and never raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from circus_core.errors import ShortWriteError
from circus_core.interfaces import Chunk, Stream, WriteLog
from circus_core.output.faults import Faults


class GuardedStream:
    """Calls a stream, which may be a stranger's code; used by one thread at a time.

    A stream that could not be opened is tried again with each chunk.
    """

    def __init__(self, stream: Stream, faults: Faults, log: WriteLog | None = None) -> None:
        self._stream = stream
        if log is not None:
            stream.write_log = log
        self.faults = faults
        self.takes_raw = stream.takes_raw  #: whether :meth:`write_raw` may be called
        self._is_open = False

    @property
    def is_direct(self) -> bool:
        """Whether it is open, on a target that cannot block."""
        return self._is_open and not self._stream.may_block

    def open(self) -> bool:
        """Open the stream; ``False`` when that failed."""
        if not self._is_open:
            self._is_open = self._call(self._stream.open)
            self.takes_raw = self._stream.takes_raw
        return self._is_open

    def reopen(self) -> None:
        """Open its target anew."""
        if self._is_open:
            self._call(self._stream.reopen)
            self.takes_raw = self._stream.takes_raw
        else:
            self.open()

    def close(self) -> None:
        """Close it."""
        self._is_open = False
        self._call(self._stream.close)

    def write(self, chunk: Chunk) -> Chunk | None:
        """Write *chunk* and return the part of it that was not taken."""
        if not self.open():
            return chunk
        # A stream may be a user's class: whatever it raises is its fault, sys.exit() too, and must end nobody's thread.
        try:
            self._stream.write(chunk)
        except (Exception, SystemExit) as exc:
            untaken = self._failed(exc, len(chunk.data))
            return replace(chunk, data=chunk.data[-untaken:]) if untaken else None
        self.faults.worked()
        return None

    def write_raw(self, lines: memoryview) -> int:
        """Write *lines* and return how many bytes at their end were not taken."""
        try:
            self._stream.write_raw(lines)
        except (Exception, SystemExit) as exc:  # as above
            return self._failed(exc, len(lines))
        self.faults.worked()
        return 0

    def _failed(self, exc: BaseException, size: int) -> int:
        """Count a write of *size* bytes that failed and return how many were not taken."""
        if isinstance(exc, ShortWriteError):
            self.faults.failed(str(exc))
            return exc.untaken
        self.faults.failed(_describe(exc))
        return size

    def _call(self, method: Callable[[], object]) -> bool:
        try:
            method()
        except (Exception, SystemExit) as exc:  # as above
            self.faults.failed(_describe(exc))
            return False
        return True


def _describe(exc: BaseException) -> str:
    return str(exc) if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
