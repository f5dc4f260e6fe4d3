"""The pipes of the children: when each is read, and to the end when its process died."""

from __future__ import annotations

import os
import selectors
from enum import Enum
from functools import partial

from circus_core.output.kernel import BIG_PIPE, SMALL_PIPE, bytes_in
from circus_core.output.lines import HOLD, Buffer
from circus_core.output.pacing import Pace, PipeSizes
from circus_core.output.rings import WatcherRings
from circus_core.output.targets import Source, Target
from circus_core.output.timers import Timers


class Waits(Enum):
    """What brings the next read of a pipe."""

    KERNEL = "kernel"  # its report that something is there
    CLOCK = "clock"  # a timer of its pace
    TARGET = "target"  # room in the target
    NOTHING = "nothing"  # it is closed


class Pipe:
    """One pipe and where its lines go.

    :param rings: keep the newest of them
    :param child: the Spawner's number of the process
    """

    __slots__ = (
        "child", "fd", "held_since", "is_big", "is_held", "pace", "rings", "slot", "source", "tail", "target", "waits",
    )  # fmt: skip

    def __init__(
        self, fd: int, source: Source, target: Target, rings: WatcherRings | None = None, child: int = 0
    ) -> None:
        self.fd = fd
        self.child = child
        self.slot = -1
        self.source = source
        self.target = target
        self.rings = rings
        self.pace = Pace()
        self.tail = b""
        self.held_since = 0.0
        self.is_held = False
        self.is_big = False
        self.waits = Waits.CLOCK


class Pipes:
    """All open pipes. Everything here happens on the pump's thread."""

    def __init__(self, selector: selectors.BaseSelector, timers: Timers, buffer: Buffer) -> None:
        self._selector = selector
        self._timers = timers
        self._buffer = buffer
        self._sizes = PipeSizes()

    def add(self, pipe: Pipe) -> None:
        """Begin to read *pipe*."""
        os.set_blocking(pipe.fd, False)
        pipe.slot, tail = self._buffer.open_slot(pipe.child, 1 if pipe.source.name == "stdout" else 2)
        self._take_tail(pipe, tail)
        self._wait_for(pipe, Waits.KERNEL)

    def resume(self, pipe: Pipe, lines: bytes, tail: bytes) -> None:
        """Deliver *lines* that another process had read of *pipe*, of which *tail* is unfinished."""
        if lines:
            _deliver(pipe, memoryview(lines))
        self._take_tail(pipe, tail)
        self._buffer.settle(pipe.slot, tail)

    def move(self, pipe: Pipe, target: Target) -> None:
        """Send what comes from now on to another target."""
        pipe.target = target
        self._read(pipe, Waits.TARGET)

    def finish(self, pipe: Pipe) -> None:
        """Deliver what is in *pipe* now, also an unfinished line, and close it.

        Somebody else who still writes to it does not prolong this.
        """
        if pipe.waits is Waits.NOTHING:
            return
        left = bytes_in(pipe.fd)
        while left > 0 and (size := self._transfer(pipe, min(left, pipe.target.read_limit))):
            left -= size
        self._close(pipe)

    def let_go(self, pipe: Pipe) -> None:
        """Close *pipe*; what is in it and its unfinished line are the next process's."""
        self._wait_for(pipe, Waits.NOTHING)
        os.close(pipe.fd)

    def _read(self, pipe: Pipe, reason: Waits) -> None:
        if pipe.waits is not reason:
            return  # it was closed or found another reason meanwhile
        if pipe.target.is_full():
            self._wait_for(pipe, Waits.TARGET)
            pipe.target.wait(partial(self._read, pipe, Waits.TARGET))
            return
        now, limit = self._timers.clock(), pipe.target.read_limit
        size = self._transfer(pipe, limit)
        if size is None:
            self._close(pipe)
            return
        self._plan(pipe, pipe.pace.next_read(size, limit, now), now)

    def _transfer(self, pipe: Pipe, limit: int) -> int | None:
        """Read once, deliver whole lines and return how many bytes were read, ``None`` at the end of the pipe."""
        try:
            size, lines, tail = self._buffer.read(pipe.slot, pipe.fd, pipe.tail, limit)
        except BlockingIOError:
            return 0
        if tail and (lines or not pipe.tail):
            self._hold(pipe)
        pipe.tail = tail
        if lines:
            _deliver(pipe, lines)
        self._buffer.settle(pipe.slot, tail)
        return size or None

    def _take_tail(self, pipe: Pipe, tail: bytes) -> None:
        pipe.tail = tail
        if tail:
            self._hold(pipe)

    def _plan(self, pipe: Pipe, delay: float | None, now: float) -> None:
        if pipe.pace.is_busy:
            if not pipe.is_big and self._sizes.enlarge(pipe.fd):
                pipe.is_big = True
                pipe.pace.resized(BIG_PIPE)
        elif pipe.is_big:
            self._shrink(pipe)
        if delay is None:
            self._wait_for(pipe, Waits.KERNEL)
        else:
            self._wait_for(pipe, Waits.CLOCK)
            self._timers.at(now + delay, partial(self._read, pipe, Waits.CLOCK))

    def _hold(self, pipe: Pipe) -> None:
        pipe.held_since = self._timers.clock()
        if not pipe.is_held:
            pipe.is_held = True
            self._timers.at(pipe.held_since + HOLD, partial(self._release, pipe))

    def _release(self, pipe: Pipe) -> None:
        pipe.is_held = False
        if pipe.waits is Waits.NOTHING or not pipe.tail:
            return
        now, due = self._timers.clock(), pipe.held_since + HOLD
        if due <= now:
            if not pipe.target.is_full() and not bytes_in(pipe.fd):
                self._flush(pipe)
                return
            due = now + HOLD  # its end may be in the pipe
        pipe.is_held = True
        self._timers.at(due, partial(self._release, pipe))

    def _flush(self, pipe: Pipe) -> None:
        tail, pipe.tail = pipe.tail, b""
        if tail:
            _deliver(pipe, self._buffer.refill(pipe.slot, tail))
            self._buffer.settle(pipe.slot, b"")

    def _close(self, pipe: Pipe) -> None:
        self._flush(pipe)
        self._buffer.close_slot(pipe.slot)
        self._wait_for(pipe, Waits.NOTHING)
        if pipe.is_big:
            self._shrink(pipe)
        os.close(pipe.fd)

    def _shrink(self, pipe: Pipe) -> None:
        pipe.is_big = False
        pipe.pace.resized(SMALL_PIPE)
        self._sizes.shrink(pipe.fd)

    def _wait_for(self, pipe: Pipe, what: Waits) -> None:
        if what is pipe.waits:
            return
        if what is Waits.KERNEL:
            self._selector.register(pipe.fd, selectors.EVENT_READ, partial(self._read, pipe, Waits.KERNEL))
        elif pipe.waits is Waits.KERNEL:
            self._selector.unregister(pipe.fd)
        pipe.waits = what


def _deliver(pipe: Pipe, lines: memoryview) -> None:
    if pipe.rings is not None:
        pipe.rings.put(pipe.source, lines)
    pipe.target.take(pipe.source, lines)
