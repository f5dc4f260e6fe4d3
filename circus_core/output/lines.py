"""Whole lines out of the bytes that a pipe delivers."""

from __future__ import annotations

import os
from typing import Final

MAX_LINE: Final = 64 * 1024  #: a longer line is delivered in parts
HOLD: Final = 2.0  #: seconds that an unfinished line waits for its end: longer than a busy machine halts who writes it
READ_SIZE: Final = 1024 * 1024


class LineBuffer:
    """One buffer that all pipes are read into, one after the other.

    The unfinished line of a pipe goes in front, what is read follows it: what is delivered is one piece
    of memory, never copied.
    """

    def __init__(self) -> None:
        self._bytes = bytearray(MAX_LINE + READ_SIZE)
        self._view = memoryview(self._bytes)

    def read(self, fd: int, tail: bytes, limit: int = READ_SIZE) -> tuple[int, memoryview, bytes]:
        """Read once from *fd*, which is non-blocking.

        :param tail: the unfinished line so far
        :param limit: read no more bytes than this
        :returns: how many bytes were read, 0 at the end of the pipe; the whole lines, valid until the next
            read; the unfinished line now
        :raises BlockingIOError: nothing is there
        """
        start = len(tail)
        size = os.readv(fd, [self._view[start : start + limit]])
        self._view[:start] = tail
        stop = start + size
        end = self._bytes.rfind(b"\n", start, stop) + 1
        if stop - end >= MAX_LINE:
            end = stop
        return size, self._view[:end], bytes(self._view[end:stop])
