"""Ends of our own children, as the kernel tells them; nobody else's status is touched."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

from circus_core._descriptors import is_in_reserve
from circus_core.states import ChildId

End = tuple[ChildId, int | None]
"""A child and its exit code, minus the signal number, ``None`` when somebody else took the status."""

_BATCH: Final = 16  # ends that are taken before others on the loop have their turn


class SweepWatch:
    """The portable way: ask for each child every *check_delay* seconds.

    :param on_ends: called on the loop with each batch of ends
    :param check_delay: seconds between two looks; no timer runs while there is nothing to look at
    """

    def __init__(self, on_ends: Callable[[Sequence[End]], None], check_delay: float) -> None:
        self._on_ends = on_ends
        self._check_delay = check_delay
        self._loop = asyncio.get_running_loop()
        self._swept: dict[ChildId, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, child: ChildId, pid: int) -> None:
        """Tell of the end of *pid*, a child of this process that nobody has waited for; it may have ended already."""
        self._swept[child] = pid
        self._arm()

    def signal(self, child: ChildId, signum: int) -> bool:
        """Send *signum*; ``False`` when the child is gone.

        :raises PermissionError: the system refuses
        """
        pid = self._swept.get(child)
        if pid is None:
            return False
        # Look first: if somebody else took its status, the number may be another process by now.
        if self._collect(child):
            return False
        os.kill(pid, signum)
        return True

    def knows(self, pid: int) -> bool:
        """Tell if *pid* is watched."""
        return pid in self._swept.values()

    def look(self) -> None:
        """Collect what has ended, now."""
        for child in list(self._swept):
            self._collect(child)

    def close(self) -> None:
        """Watch nothing any more."""
        self._swept.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _collect(self, child: ChildId) -> bool:
        pid = self._swept[child]
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            exit_code = None
        else:
            if ended == 0:
                return False
            exit_code = os.waitstatus_to_exitcode(status)
        del self._swept[child]
        self._loop.call_soon(self._on_ends, [(child, exit_code)])
        return True

    def _arm(self) -> None:
        if self._timer is None and self._swept:
            self._timer = self._loop.call_later(self._check_delay, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        self.look()
        self._arm()


if sys.platform.startswith("linux"):

    class PidfdWatch(SweepWatch):
        """One epoll object holds a descriptor of every child; a child that gets none is swept."""

        def __init__(self, on_ends: Callable[[Sequence[End]], None], check_delay: float) -> None:
            super().__init__(on_ends, check_delay)
            self._epoll = select.epoll()
            self._children: dict[int, tuple[ChildId, int]] = {}  # by pidfd
            self._pidfds: dict[ChildId, int] = {}
            self._loop.add_reader(self._epoll.fileno(), self._on_readable)

        def watch(self, child: ChildId, pid: int) -> None:
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:  # out of descriptors, or the host ignores SIGCHLD and it is gone
                super().watch(child, pid)
                return
            if is_in_reserve(pidfd):
                os.close(pidfd)
                super().watch(child, pid)
                return
            self._children[pidfd] = child, pid
            self._pidfds[child] = pidfd
            self._epoll.register(pidfd, select.EPOLLIN)

        def signal(self, child: ChildId, signum: int) -> bool:
            pidfd = self._pidfds.get(child)
            if pidfd is None:
                return super().signal(child, signum)
            try:
                signal.pidfd_send_signal(pidfd, signum)
            except ProcessLookupError:
                return False
            return True

        def knows(self, pid: int) -> bool:
            return any(watched == pid for _, watched in self._children.values()) or super().knows(pid)

        def look(self) -> None:
            self._on_readable()
            super().look()

        def _on_readable(self) -> None:
            ends = []
            # What is left over makes the loop call again, after everything else had its turn.
            for pidfd, _ in self._epoll.poll(0, _BATCH):
                child, pid = self._children[pidfd]
                is_known, exit_code = _take_status(pidfd)
                self._forget(pidfd)
                if is_known:
                    ends.append((child, exit_code))
                else:
                    super().watch(child, pid)
            if ends:
                self._on_ends(ends)

        def close(self) -> None:
            super().close()
            for pidfd in list(self._children):
                self._forget(pidfd)
            if not self._epoll.closed:
                self._loop.remove_reader(self._epoll.fileno())
                self._epoll.close()

        def _forget(self, pidfd: int) -> None:
            # First out of epoll: a child between vfork and exec shares the descriptor, with it the entry would stay.
            self._epoll.unregister(pidfd)
            os.close(pidfd)
            child, _ = self._children.pop(pidfd)
            del self._pidfds[child]

    def _take_status(pidfd: int) -> tuple[bool, int | None]:
        """Return if the status of an ended child is known, and it."""
        try:
            # By descriptor: if somebody else took the status, the pid may be another child of this program by now.
            result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return True, None
        if result is None:  # a debugger has it, and gives it back when it is done
            return False, None
        return True, result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

elif sys.platform == "darwin":

    class KqueueWatch(SweepWatch):
        """The kernel says when to look; the sweep stays, for what it did not say."""

        def __init__(self, on_ends: Callable[[Sequence[End]], None], check_delay: float) -> None:
            super().__init__(on_ends, check_delay)
            self._kqueue = select.kqueue()
            self._by_pid: dict[int, ChildId] = {}
            self._loop.add_reader(self._kqueue.fileno(), self._on_readable)

        def watch(self, child: ChildId, pid: int) -> None:
            super().watch(child, pid)
            self._by_pid[pid] = child
            event = select.kevent(
                pid,
                select.KQ_FILTER_PROC,
                select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
                select.KQ_NOTE_EXIT,
            )
            try:
                self._kqueue.control([event], 0)
            except ProcessLookupError:  # it has ended already
                self._collect(child)

        def close(self) -> None:
            super().close()
            if not self._kqueue.closed:
                self._loop.remove_reader(self._kqueue.fileno())
                self._kqueue.close()

        def _collect(self, child: ChildId) -> bool:
            pid = self._swept[child]
            has_ended = super()._collect(child)
            if has_ended and self._by_pid.get(pid) == child:
                del self._by_pid[pid]
            return has_ended

        def _on_readable(self) -> None:
            for event in self._kqueue.control([], _BATCH, 0):
                child = self._by_pid.get(event.ident)
                if child in self._swept:
                    self._collect(child)


def make_watch(on_ends: Callable[[Sequence[End]], None], check_delay: float, *, uses_kernel: bool) -> SweepWatch:
    """Return the best way that this system has, the portable one unless *uses_kernel*."""
    if uses_kernel and sys.platform.startswith("linux") and _has_pidfds():
        return PidfdWatch(on_ends, check_delay)
    if uses_kernel and sys.platform == "darwin":
        return KqueueWatch(on_ends, check_delay)
    return SweepWatch(on_ends, check_delay)


def _has_pidfds() -> bool:
    try:
        pidfd = os.pidfd_open(os.getpid())
        try:
            # Waiting by it came a release later (Linux 5.4); for what is no child it says ECHILD.
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
        finally:
            os.close(pidfd)
    except ChildProcessError:
        return True
    except OSError:
        return False
    return True
