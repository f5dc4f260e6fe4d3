"""``ThreadedArbiter``: an arbiter that runs in a thread of its own."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any

from circus_core.compat._gate import Future
from circus_core.compat.arbiter import Arbiter


class ThreadedArbiter(threading.Thread, Arbiter):
    """An arbiter that runs in a thread of its own.

    It is stopped when the program ends, if nobody did so before.
    """

    def __init__(self, *args: Any, **kw: Any) -> None:
        threading.Thread.__init__(self, name="circus-arbiter", daemon=True)
        Arbiter.__init__(self, *args, **kw)
        self._own_loop, self._given_loop = self._given_loop, None
        self._up = threading.Event()
        self._error: BaseException | None = None

    def start(self, cb: Callable[[Future], object] | None = None) -> None:
        """Start the thread, and return when the watchers have started.

        :param cb: called in the thread, with a future, once they have
        :raises CircusError: an address cannot be had, or an extension does not load; nothing was started
        """
        self._cb = cb
        atexit.register(self.stop)
        threading.Thread.start(self)
        self._up.wait()
        if self._error is not None:
            self.join()
            raise self._error

    def run(self) -> None:
        """Do the work of the thread."""
        try:
            self._run_loop(self._note_start)
        except Exception as exc:
            if self._up.is_set():
                raise
            self._error = exc
        finally:
            self._up.set()

    def stop(self) -> Future:
        """Stop everything; in other threads, return when the thread has ended."""
        atexit.unregister(self.stop)
        if threading.current_thread() is self or not self.is_alive():
            return Arbiter.stop(self)
        self._ask_to_stop()
        self.join()
        return self._over

    def _note_start(self, future: Future) -> None:
        self._up.set()
        if self._cb is not None:
            self._cb(future)
