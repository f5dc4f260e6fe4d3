"""POSIX signals to requests on the event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

_log: Final = logging.getLogger("circus")


class SignalHandler:
    """Turns signals into calls on the loop from its creation until :meth:`close`.

    A signal only wakes the loop, which then makes the call: never in the middle of other code. What comes before
    :meth:`ready` waits, in order, and none is lost. Main thread only.

    :param requests: signal to what is called, on the loop, each time that it comes
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, requests: Mapping[signal.Signals, Callable[[], object]]
    ) -> None:
        self._loop = loop
        self._requests = dict(requests)
        self._waiting: list[signal.Signals] | None = []
        self._before: dict[signal.Signals, Any] = {signum: signal.getsignal(signum) for signum in requests}
        for signum in requests:
            loop.add_signal_handler(signum, self.receive, signum)

    def ready(self) -> None:
        """Make the calls that waited; from now on each signal calls at once."""
        waiting, self._waiting = self._waiting or [], None
        for signum in waiting:
            self._loop.call_soon(self._requests[signum])

    def close(self) -> None:
        """Give the signals back to who had them before. May be called twice."""
        for signum, handler in self._before.items():
            self._loop.remove_signal_handler(signum)
            if handler is not None:  # None: set by other than Python
                signal.signal(signum, handler)
        self._before = {}

    def receive(self, number: int) -> None:
        """Take a signal, whoever passed it on."""
        signum = signal.Signals(number)
        _log.info("got signal %s", signum.name)
        if self._waiting is None:
            self._loop.call_soon(self._requests[signum])
        else:
            self._waiting.append(signum)
