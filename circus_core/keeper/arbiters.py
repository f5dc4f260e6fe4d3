"""The arbiters of a keeper: the one that is served, the next one beside it, and what starts another one."""

from __future__ import annotations

import os
import resource
import select
from collections.abc import Callable, Sequence

from circus_core.keeper import exitcodes
from circus_core.keeper.log import log
from circus_core.keeper.loop import Loop
from circus_core.keeper.system import signal, socket
from circus_core.keeper.wire import TO_KEEPER, Channel, ClosedError, Message, WireError, close_all

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final

VARIABLE: Final = "CIRCUS_KEEPER"
"""What tells an arbiter the number of its channel's descriptor."""

START_LIMIT: Final = 120.0  #: seconds that an arbiter that takes over may need
FIRST_DELAY: Final = 0.5  #: seconds before the second try in a row
LONGEST_DELAY: Final = 30.0
_LAST_STEPS: Final = 1.0  #: seconds that an arbiter has to end once its channel is closed
_CHANNEL: Final = 3  # its descriptor number in an arbiter


class Role:
    """What an arbiter is to the keeper."""

    FIRST = "first"  # it started the keeper
    NEXT = "next"  # it takes over from one that died
    BESIDE = "beside"  # it is to take over from one that lives
    GONE = "gone"


class Arbiter:
    """One arbiter.

    :param is_child: the keeper is its parent
    """

    def __init__(self, pid: int, channel: Channel, role: str, *, is_child: bool) -> None:
        self.pid = pid
        self.channel = channel
        self.role = role
        self.is_child = is_child
        self.pidfd = -1
        self.command: list[str] = []  #: starts one like it
        self.is_attached = False  #: it is told of ends and signals
        self.is_ready = False
        self.leaves = False  #: it ends on purpose
        self.is_connected = True
        self.unanswered = 0  #: pings
        self.has_ended = False
        self.exit_code: int | None = None

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send a message; to one that is dying it is lost."""
        try:
            self.channel.send(message, fds)
        except ClosedError:
            pass  # its end will be heard of

    def kill(self) -> None:
        """End it for good."""
        if self.has_ended:  # somebody else may have its pid
            return
        try:
            if self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Nursery:
    """Starts arbiters, hears what they say and that they ended.

    :param born_nofile: limits of descriptors, soft and hard, that they get
    :param on_message: told of each message; the descriptors are the callee's to close
    :param on_end: told of the end of each
    """

    def __init__(
        self,
        loop: Loop,
        born_nofile: tuple[int, int],
        *,
        on_message: Callable[[Arbiter, Message, list[int]], object],
        on_end: Callable[[Arbiter], object],
    ) -> None:
        self._loop = loop
        self._born = born_nofile
        self._on_message = on_message
        self._on_end = on_end
        self._by_pid: dict[int, Arbiter] = {}

    def welcome(self, pid: int, sock: socket.socket, role: str, *, is_child: bool) -> Arbiter:
        """Serve an arbiter that runs."""
        arbiter = Arbiter(pid, Channel(sock, TO_KEEPER), role, is_child=is_child)
        self._by_pid[pid] = arbiter
        self._listen(arbiter)
        if not is_child:
            arbiter.pidfd = os.pidfd_open(pid)
            self._loop.watch(arbiter.pidfd, select.POLLIN, lambda _: self._stranger_ended(arbiter))
        return arbiter

    def start(self, command: Sequence[str], role: str, *, stderr: int = 2) -> Arbiter:
        """Start an arbiter.

        :param stderr: what it has there
        :raises OSError: that is impossible
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._born[0], limit[1]))
        try:
            pid = os.posix_spawn(
                command[0],
                list(command),
                {**os.environ, VARIABLE: str(_CHANNEL)},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stderr, 2),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), _CHANNEL),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        except OSError:
            ours.close()
            raise
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            theirs.close()
        return self.welcome(pid, ours, role, is_child=True)

    def ended(self, pid: int, exit_code: int | None) -> bool:
        """Take the end of a process; ``False`` when it is no arbiter. What it sent before is heard first."""
        arbiter = self._by_pid.get(pid)
        if arbiter is None:
            return False
        self._hear(arbiter)
        del self._by_pid[pid]
        self._loop.forget(f"end {pid}")
        arbiter.has_ended = True
        arbiter.exit_code = exit_code
        self._hang_up(arbiter)
        arbiter.channel.close()
        if arbiter.pidfd >= 0:
            self._loop.ignore(arbiter.pidfd)
            os.close(arbiter.pidfd)
            arbiter.pidfd = -1
        self._on_end(arbiter)
        return True

    def end_all(self) -> None:
        """Leave none behind that has been replaced, or was to replace another one."""
        for arbiter in self._by_pid.values():
            arbiter.kill()
            if arbiter.is_child:
                os.waitid(os.P_PID, arbiter.pid, os.WEXITED)

    def after_send(self, arbiter: Arbiter) -> None:
        """See to it that what could not be sent at once is sent later."""
        if arbiter.is_connected and arbiter.channel.is_blocked:
            self._loop.watch(arbiter.channel.fileno(), select.POLLIN | select.POLLOUT, lambda _: self._flush(arbiter))

    def _stranger_ended(self, arbiter: Arbiter) -> None:
        self.ended(arbiter.pid, exitcodes.of_stranger(arbiter.pidfd, arbiter.pid))

    def _listen(self, arbiter: Arbiter) -> None:
        self._loop.watch(arbiter.channel.fileno(), select.POLLIN, lambda _: self._hear(arbiter))

    def _flush(self, arbiter: Arbiter) -> None:
        try:
            arbiter.channel.flush()
        except ClosedError:
            pass  # heard of below
        if not arbiter.channel.is_blocked:
            self._listen(arbiter)
        self._hear(arbiter)

    def _hear(self, arbiter: Arbiter) -> None:
        """Take what it said."""
        try:
            while arbiter.is_connected and (received := arbiter.channel.receive()) is not None:
                message, fds = received
                try:
                    self._on_message(arbiter, message, fds)
                finally:
                    close_all(fds)
                    self.after_send(arbiter)
        except ClosedError:
            self._hang_up(arbiter)
            if not arbiter.leaves:
                # Without a channel it is none; but it may be about to end, and its exit code tells why.
                self._loop.at(f"end {arbiter.pid}", _LAST_STEPS, arbiter.kill)
            elif not arbiter.is_child:
                _await_end(arbiter.pidfd)
                self.ended(arbiter.pid, None)
        except WireError as exc:
            log("ERROR", f"the arbiter (pid {arbiter.pid}) is not understood: {exc}")
            self._hang_up(arbiter)
            arbiter.kill()

    def _hang_up(self, arbiter: Arbiter) -> None:
        if arbiter.is_connected:
            arbiter.is_connected = False
            self._loop.ignore(arbiter.channel.fileno())


def _await_end(pidfd: int) -> None:
    """Wait for the end of a process that is about to end: who waits for the keeper waits for it too."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(_LAST_STEPS * 1000)
