"""What commands cost: the list of all pids, more processes, a restart, the end of everything."""

from __future__ import annotations

import os
import select
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from benchmarks.peers import NAME
from benchmarks.running import Failed, Running, round_trips

MANY = 1000
SOME = 100
ASKED = 100  #: times, or until ASKING is over
ASKING = 3.0  #: seconds
STOPPING = 60.0  #: seconds

Samples = dict[str, list[float]]


def asked(run: Running, count: int) -> float:
    """Return the milliseconds that the pids of all processes take on an open connection."""
    run.wait_until_answering()
    with run.peer.listing(run.home, count) as pids:
        assert pids is not None
        pids()
        return statistics.median(round_trips(pids, most=ASKED, seconds=ASKING))


def listing(run: Running) -> Samples:
    """Return what it takes to know all pids."""
    run.wait_until_old()
    return {f"list of {MANY}": [asked(run, MANY)]}


def increase(run: Running) -> Samples:
    """Return what 100 more processes take, from the command to the last of them running."""
    run.wait_until_answering()
    with run.circus.connected(run.home) as ask:
        sent = time.monotonic()
        ask("incr", name=NAME, nb=SOME)
        return {f"incr by {SOME}": [run.began_since(sent, SOME)]}


def restart(run: Running) -> Samples:
    """Return what a restart of 100 processes takes, from the command to the last new one running."""
    run.wait_until_answering()
    run.wait_until_old()
    with run.peer.restarting(run.home) as again:
        sent = time.monotonic()
        again()
        return {f"restart of {SOME}": [run.began_since(sent, SOME)]}


def stop(run: Running) -> Samples:
    """Return what the end of a daemon with 1000 processes takes."""
    run.wait_until_old()
    return {f"stop of {MANY} and exit": [stopped(run)]}


def stopped(run: Running) -> float:
    """Ask the daemon to end; return the milliseconds until it and every process of it did."""
    with _ends([run.pid, *run.children.pids]) as ends:
        asked_at = time.monotonic()
        os.kill(run.pid, run.peer.stop_signal)
        while ends:
            left = asked_at + STOPPING - time.monotonic()
            if left <= 0:
                raise Failed(f"{run.peer.name}: {len(ends)} processes run {STOPPING:g} s after it was asked to end")
            ready = ends.epoll.poll(left, 4096)
            ends.over(fd for fd, _ in ready)
        return 1000 * (time.monotonic() - asked_at)


class _Ends:
    """Waits for processes to end, which need not be ours."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.epoll = select.epoll()
        self._fds: set[int] = set()
        for pid in pids:
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            self._fds.add(fd)
            self.epoll.register(fd, select.EPOLLIN)

    def __bool__(self) -> bool:
        return bool(self._fds)

    def __len__(self) -> int:
        return len(self._fds)

    def over(self, fds: Iterable[int]) -> None:
        """Forget those that ended."""
        for fd in list(fds):
            self.epoll.unregister(fd)
            os.close(fd)
            self._fds.discard(fd)

    def close(self) -> None:
        self.over(self._fds)
        self.epoll.close()


@contextmanager
def _ends(pids: Iterable[int]) -> Iterator[_Ends]:
    ends = _Ends(pids)
    try:
        yield ends
    finally:
        ends.close()
