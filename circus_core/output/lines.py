"""Whole lines out of the bytes that a pipe delivers."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final, Protocol

from circus_core.output.kernel import Relay

MAX_LINE: Final = 64 * 1024  #: a longer line is delivered in parts
HOLD: Final = 2.0  #: seconds that an unfinished line waits for its end: longer than a busy machine halts who writes it
READ_SIZE: Final = 1024 * 1024


class Buffer(Protocol):
    """What pipes are read into, one after the other; where output outlives this process it keeps notes."""

    def open_slot(self, child: int, number: int) -> tuple[int, bytes]:
        """Return a slot for a pipe, and the unfinished line that another process left of it.

        :param child: the Spawner's number of the process
        :param number: 1 or 2, what the pipe is to it
        """

    def close_slot(self, slot: int) -> None:
        """Free a slot."""

    def read(self, slot: int, fd: int, tail: bytes, limit: int = READ_SIZE) -> tuple[int, memoryview, bytes]:
        """Read once from *fd*, which is non-blocking; :meth:`settle` has to follow.

        :param tail: the unfinished line so far
        :param limit: read no more bytes than this
        :returns: how many bytes were read, 0 at the end of the pipe; the whole lines, valid until the next
            read; the unfinished line now
        :raises BlockingIOError: nothing is there
        """

    def refill(self, slot: int, tail: bytes) -> memoryview:
        """Return an unfinished line to be delivered as it is; :meth:`settle` has to follow."""

    def settle(self, slot: int, tail: bytes) -> None:
        """Note that the lines are delivered, and that *tail* is the unfinished one now."""

    def close(self) -> None:
        """Let go of what it is made of."""


class LineBuffer:
    """A buffer that ends with this process.

    The unfinished line of a pipe goes in front, what is read follows it: what is delivered is one piece
    of memory, never copied.
    """

    def __init__(self) -> None:
        self._bytes = bytearray(MAX_LINE + READ_SIZE)
        self._view = memoryview(self._bytes)
        self._relay: Relay | None = None
        with suppress(OSError, AttributeError):  # where there is no such thing, pipes are read as they are
            self._relay = Relay.create()

    def open_slot(self, child: int, number: int) -> tuple[int, bytes]:
        return 0, b""

    def close_slot(self, slot: int) -> None:
        pass

    def refill(self, slot: int, tail: bytes) -> memoryview:
        return memoryview(tail)

    def settle(self, slot: int, tail: bytes) -> None:
        pass

    def close(self) -> None:
        if self._relay is not None:
            self._relay.close()

    def read(self, slot: int, fd: int, tail: bytes, limit: int = READ_SIZE) -> tuple[int, memoryview, bytes]:
        start = len(tail)
        if self._relay is None:
            size = os.readv(fd, [self._view[start : start + limit]])
        else:
            size = self._relay.fill(fd, limit)
            self._relay.take(self._view[start : start + size])
        self._view[:start] = tail
        stop = start + size
        end = self._bytes.rfind(b"\n", start, stop) + 1
        if stop - end >= MAX_LINE:
            end = stop
        return size, self._view[:end], bytes(self._view[end:stop])
