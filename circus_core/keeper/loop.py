"""Waits for descriptors, signals and deadlines, and sleeps while there is none."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable

from circus_core.keeper.log import log
from circus_core.keeper.system import signal


class Loop:
    """Calls whoever watches a descriptor, a signal or a deadline."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[int], object]] = {}
        self._deadlines: dict[str, tuple[float, Callable[[], object]]] = {}
        self._signals: dict[int, Callable[[int], object]] = {}
        self._alarm, self._bell = os.pipe()
        for fd in (self._alarm, self._bell):
            os.set_blocking(fd, False)
        self.watch(self._alarm, select.POLLIN, self._on_signals)

    def watch(self, fd: int, events: int, call: Callable[[int], object]) -> None:
        """Have *call* made with what happened on *fd*; replaces what was asked before."""
        self._poll.register(fd, events)
        self._readers[fd] = call

    def ignore(self, fd: int) -> None:
        """Watch *fd* no longer; before it is closed."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def on_signals(self, signals: Iterable[int], call: Callable[[int], object]) -> None:
        """Have *call* made with the number of each signal that comes."""
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        for signum in signals:
            self._signals[signum] = call
            signal.signal(signum, lambda *_: None)  # what is ignored wakes nobody

    def at(self, name: str, delay: float, call: Callable[[], object]) -> None:
        """Make *call* in *delay* seconds; replaces the one of the same *name*."""
        self._deadlines[name] = time.monotonic() + delay, call

    def forget(self, name: str) -> None:
        """Do not make the call of that name."""
        self._deadlines.pop(name, None)

    def turn(self) -> None:
        """Wait for something, and make the calls that it asks for."""
        for fd, events in self._poll.poll(self._wait()):
            call = self._readers.get(fd)
            if call is not None:  # one before it may have closed it
                _make(call, events)
        now = time.monotonic()
        for name, (deadline, due) in list(self._deadlines.items()):
            if deadline <= now and self._deadlines.pop(name, None) is not None:
                _make(due)

    def _wait(self) -> float | None:
        if not self._deadlines:
            return None
        first = min(deadline for deadline, _ in self._deadlines.values())
        return max(0.0, first - time.monotonic()) * 1000 + 1

    def _on_signals(self, events: int) -> None:
        try:
            numbers = os.read(self._alarm, 512)
        except BlockingIOError:
            return
        for signum in dict.fromkeys(numbers):
            self._signals[signum](signum)


def _make(call: Callable[..., object], *args: int) -> None:
    try:
        call(*args)
    except Exception as exc:  # the keeper outlives what nobody foresaw: all children hang on it
        trace = exc.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        log("ERROR", f"internal error at {where}: {type(exc).__name__}: {exc}")
