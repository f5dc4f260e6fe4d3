"""Orphans that the kernel gave to us, as it does to PID 1 and to a subreaper: collected, never one of our own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

from circus_core._procfs import children

_RETRY_DELAY: Final = 0.5
"""Seconds to the next look when a status had to be left for its owner."""


class StrangerReaper:
    """Collects every ended child of this process that is neither the Spawner's nor the program's own.

    Children of the Spawner lead sessions of their own, so their orphans are never in ours; what has ended in our own
    session was started by other code of this program, which waits for it.

    :param is_ours: tells if the Spawner knows a pid
    :param collect_ours: makes the Spawner collect what has ended of its own
    """

    def __init__(self, is_ours: Callable[[int], bool], collect_ours: Callable[[], None]) -> None:
        self._is_ours = is_ours
        self._collect_ours = collect_ours
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._loop.add_signal_handler(signal.SIGCHLD, self.look)
        self._loop.call_soon(self.look)

    def close(self) -> None:
        """Stop collecting."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def look(self) -> None:
        """Collect all strangers that have ended."""
        left = None
        while (pid := _first_ended()) is not None and pid != left:
            if self._is_ours(pid):
                self._collect_ours()
                left = pid
            elif _is_of_program(pid):
                left = pid
            else:
                _discard(pid)
        if pid is not None and self._retry is None:
            self._retry = self._loop.call_later(_RETRY_DELAY, self._look_behind)

    def _look_behind(self) -> None:
        """Collect the strangers that the kernel does not show because of the one that was left."""
        self._retry = None
        for pid in children(os.getpid()):
            if not self._is_ours(pid) and not _is_of_program(pid):
                _discard(pid)
        self.look()


def _is_of_program(pid: int) -> bool:
    try:
        return os.getsid(pid) == os.getsid(0)
    except ProcessLookupError:  # its owner has just waited for it
        return True


def _first_ended() -> int | None:
    """Return the pid of an ended child without taking its status."""
    try:
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if result is None else result.si_pid


def _discard(pid: int) -> None:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        pass
