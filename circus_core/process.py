"""One child of the daemon and its states."""

from __future__ import annotations

from math import inf

from circus_core.interfaces import ProcessView
from circus_core.output import Token
from circus_core.reconcile import Cause
from circus_core.spawner import Spawned
from circus_core.states import ChildId, ProcessState, Wid, check_process_move


class Process:
    """A process of a watcher, from its spawn until it is reaped.

    ``*_at`` are ``time.monotonic()`` readings, ``started`` is a Unix time.
    """

    __slots__ = (
        "cause",
        "child",
        "exit_code",
        "expires_at",
        "generation",
        "graceful_timeout",
        "is_doomed",
        "kill_at",
        "pid",
        "spawned_generation",
        "started",
        "started_at",
        "state",
        "stop_signal",
        "tokens",
        "wid",
    )

    def __init__(
        self, spawned: Spawned, wid: Wid, generation: int, *, started_at: float, expires_at: float = inf
    ) -> None:
        self.child: ChildId = spawned.child
        self.pid = spawned.pid
        self.started = spawned.started
        self.wid = wid
        self.generation = generation
        self.spawned_generation = generation
        self.started_at = started_at
        self.expires_at = expires_at
        self.kill_at = inf
        self.state = ProcessState.RUNNING
        self.is_doomed = False
        self.cause = Cause.DIED
        self.stop_signal: int | None = None
        self.graceful_timeout: float | None = None
        self.exit_code: int | None = None
        self.tokens: tuple[Token, ...] = ()

    def doom(self, signum: int | None, graceful_timeout: float | None) -> None:
        """Have it stopped by its watcher, with a signal and a grace of its own where given."""
        if self.state is ProcessState.RUNNING:
            self.is_doomed = True
            self.stop_signal = signum
            self.graceful_timeout = graceful_timeout

    def begin_stop(self, cause: Cause, kill_at: float) -> None:
        """Note that it was asked to end, and when its grace is over."""
        self._move(ProcessState.STOPPING)
        self.cause = cause
        self.kill_at = kill_at

    def end(self, exit_code: int | None) -> None:
        """Note its exit status."""
        self._move(ProcessState.DEAD)
        self.exit_code = exit_code
        self.kill_at = inf

    def view(self) -> ProcessView:
        """Return it as others may see it."""
        return ProcessView(self.wid, self.pid, self.started, self.state)

    def _move(self, state: ProcessState) -> None:
        check_process_move(self.state, state)
        self.state = state
