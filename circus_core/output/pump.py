"""The thread that moves what processes print to streams."""

from __future__ import annotations

import logging
import os
import select
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from threading import Lock, Thread
from typing import Final, NewType

from circus_core.interfaces import Chunk, Stream
from circus_core.output.account import NO_ACCOUNT, Account, LedgerAccount
from circus_core.output.faults import FaultReport, Faults, Losses
from circus_core.output.journal import Journal
from circus_core.output.lines import Buffer, LineBuffer
from circus_core.output.pacing import PACE
from circus_core.output.pipes import Pipe, Pipes
from circus_core.output.rings import Rings, WatcherRings
from circus_core.output.targets import Source, Target
from circus_core.output.timers import Timers
from circus_core.output.writers import Writer
from circus_core.quick_dataclass import dataclass
from circus_core.values import OnError

logger = logging.getLogger("circus")

Token = NewType("Token", int)
"""A pipe that the pump owns."""

FLUSH_LIMIT: Final = 0.25  #: seconds that the end of a process waits at most for a slow stream
STOP_LIMIT: Final = 5.0
_FINE: Final = 0.008  # seconds below which one more or less matters
_FD_SETSIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class OutputStats:
    """What became of the output so far.

    :param lost: watcher to bytes that no stream took
    :param streams: stream name to its faults, of those that are open
    """

    lost: dict[str, int]
    streams: dict[str, FaultReport]


class Pump:
    """Owns the read end of every child's pipe, on one daemon thread that sleeps while nothing is printed.

    Every method may be called from any thread and returns at once, but :meth:`stop`. What they ask for is
    done in the order of the calls. ``rings`` keep the newest output in memory.

    :param journal: keeps for the next process what was read and is not yet written
    :param rings: those of another pump, which was suspended
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        journal: Journal | None = None,
        rings: Rings | None = None,
    ) -> None:
        self.rings: Final = rings or Rings()
        self._journal = journal
        self._timers = Timers(clock)
        self._selector = selectors.DefaultSelector()
        self._is_fine = 0 <= _number_of(self._selector) < _FD_SETSIZE
        self._buffer: Buffer = journal or LineBuffer()
        self._pipes = Pipes(self._selector, self._timers, self._buffer)
        self._open: dict[Token, Pipe] = {}
        self._targets: dict[Target, str] = {}
        self._closing: list[Writer] = []
        self._losses = Losses()
        self._tokens = count(1)
        self._calls: deque[Callable[[], object]] = deque()
        self._alarm = _Alarm()
        self._selector.register(self._alarm.fileno(), selectors.EVENT_READ, self._run_calls)
        self._is_stopping = self._has_let_go = False
        self._thread = Thread(target=self._run, name="circus-pump", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = STOP_LIMIT) -> None:
        """Deliver what is in the pipes, close pipes and streams, end the thread.

        Blocks for *timeout* seconds when a stream hangs, which is then left behind. May be called twice.
        """
        if self._thread.ident is None:
            self._let_go()
        elif self._thread.is_alive():
            self._post(partial(self._stop, timeout))
            self._thread.join(timeout + 1.0)

    def suspend(self, timeout: float = STOP_LIMIT) -> None:
        """End the thread and let go of all, with nothing cut or lost: the next pump on the same journal goes on.

        Blocks for *timeout* seconds when a stream hangs; what that one has in hand may be written twice.
        """
        if self._thread.ident is None:
            self._let_go()
        elif self._thread.is_alive():
            self._post(partial(self._suspend, timeout))
            self._thread.join(timeout + 1.0)

    def target(
        self, stream: Stream, *, name: str, on_error: OnError = OnError.DROP, owner: tuple[int, int] = (0, 0)
    ) -> Target:
        """Open *stream* and return the handle by which pipes are added to it.

        A stream that cannot be opened is a fault of it: it is tried again with each chunk.

        :param name: what messages call it, as in ``watcher:web stdout_stream``
        :param owner: a number of its watcher, and 1 or 2: by these the next process gives it what it did not write
        """
        account: Account = NO_ACCOUNT
        waiting: list[Chunk] = []
        if self._journal is not None:
            ledger, waiting = self._journal.open_ledger(*owner)
            account = LedgerAccount(ledger, self._journal, self._journal.release)
        faults = Faults(name, self._losses, self._timers.clock)
        target = Target(stream, faults=faults, on_error=on_error, timers=self._timers, post=self._post, account=account)
        self._targets[target] = name
        self._post(target.open)
        if waiting:
            self._post(partial(target.resume, waiting))
        return target

    def owners_waiting(self) -> set[int]:
        """Return the numbers of watchers whose streams the process before had not written all that it had read."""
        return self._journal.left_keys if self._journal is not None else set()

    def resume(self) -> None:
        """Go on with what the process before had in hand; after its pipes were added, before :meth:`start`."""
        if self._journal is not None:
            self._post(partial(self._resume, self._journal))

    def close_target(self, target: Target) -> None:
        """Finish the pipes that still lead to *target*, write what it queued, close its stream."""
        self._post(partial(self._close_target, target))

    def add(
        self,
        fd: int,
        target: Target,
        *,
        watcher: str,
        wid: int,
        pid: int,
        name: str,
        rings: WatcherRings | None = None,
        child: int = 0,
    ) -> Token:
        """Move what comes out of the pipe *fd* to *target*; the descriptor is the pump's from now on.

        :param name: ``stdout`` or ``stderr``
        :param rings: where the newest of it is kept too
        :param child: the Spawner's number of the process
        """
        token = Token(next(self._tokens))
        self._post(partial(self._add, token, Pipe(fd, Source(watcher, wid, pid, name), target, rings, child)))
        return token

    def move(self, tokens: Iterable[Token], target: Target) -> None:
        """Send what comes out of these pipes from now on to another target."""
        self._post(partial(self._move, tuple(tokens), target))

    def finish(self, tokens: Iterable[Token], done: Callable[[], object]) -> None:
        """Deliver what is in the pipes of a process that died, close them, then call *done* on the pump's thread.

        A grandchild that still has the pipe open is not waited for, a stream that hangs not for long.
        """
        self._post(partial(self._finish, tuple(tokens), done))

    def set_on_error(self, target: Target, on_error: OnError) -> None:
        """Change what becomes of output that a stream does not take."""
        target.on_error = on_error

    def reopen(self) -> None:
        """Have every stream open its target anew."""
        self._post(self._reopen)

    def reopen_target(self, target: Target) -> None:
        """Have one stream open its target anew."""
        self._post(target.reopen)

    def lost(self, watcher: str) -> int:
        """Return how many bytes of a watcher no stream took."""
        return self._losses.of(watcher)

    def stats(self) -> OutputStats:
        """Return what was lost and which streams fail."""
        streams = {name: target.report() for target, name in list(self._targets.items())}
        return OutputStats(self._losses.by_watcher(), streams)

    def _post(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        self._alarm.ring()

    def _run(self) -> None:
        run_timers = partial(self._timers.run, PACE)
        while not self._is_stopping:
            for key, _ in self._ready(self._timers.wait()):
                _try(key.data)
            _try(run_timers)
        self._let_go()

    def _ready(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout and timeout < _FINE and self._is_fine:
            # The selector counts in milliseconds, in which a pipe may be full.
            if not select.select([self._selector], [], [], timeout)[0]:
                return []
            timeout = 0.0
        return self._selector.select(timeout)

    def _let_go(self) -> None:
        if self._has_let_go:
            return
        self._has_let_go = True
        self._selector.close()
        self._alarm.close()
        self._buffer.close()

    def _run_calls(self) -> None:
        self._alarm.hush()
        while self._calls:
            _try(self._calls.popleft())

    def _close_target(self, target: Target) -> None:
        if self._targets.pop(target, None) is None:
            return
        for token in [token for token, pipe in self._open.items() if pipe.target is target]:
            self._pipes.finish(self._open.pop(token))
        self._closing = [writer for writer in self._closing if not writer.join(0.0)]
        self._closing.append(target.close())

    def _resume(self, journal: Journal) -> None:
        found = journal.interrupted()
        if found is not None:
            slot, lines, tail = found
            pipes = [pipe for pipe in self._open.values() if pipe.slot == slot]
            if pipes:
                self._pipes.resume(pipes[0], lines, tail)
            else:
                journal.give_up()
        journal.drop_left()

    def _add(self, token: Token, pipe: Pipe) -> None:
        self._open[token] = pipe
        self._pipes.add(pipe)

    def _move(self, tokens: tuple[Token, ...], target: Target) -> None:
        for token in tokens:
            if token in self._open:
                self._pipes.move(self._open[token], target)

    def _finish(self, tokens: tuple[Token, ...], done: Callable[[], object]) -> None:
        pipes = [self._open.pop(token) for token in tokens if token in self._open]
        for pipe in pipes:
            self._pipes.finish(pipe)
        _Delivery({pipe.target for pipe in pipes}, done, self._timers).start()

    def _reopen(self) -> None:
        for target in list(self._targets):
            target.reopen()

    def _stop(self, timeout: float) -> None:
        deadline = self._timers.clock() + timeout
        for pipe in self._open.values():
            self._pipes.finish(pipe)
        self._open.clear()
        for target, writer in [(target, target.close()) for target in list(self._targets)]:
            left = 0.0 if writer.is_hung() else max(0.0, deadline - self._timers.clock())
            if not writer.join(left):
                target.abandon(writer)
        self._targets.clear()
        self._is_stopping = True

    def _suspend(self, timeout: float) -> None:
        deadline = self._timers.clock() + timeout
        for pipe in self._open.values():
            self._pipes.let_go(pipe)
        self._open.clear()
        for ending in self._closing:
            ending.suspend()
        for writer in [*self._closing, *filter(None, [target.suspend() for target in self._targets])]:
            writer.join(max(0.0, deadline - self._timers.clock()))
        self._targets.clear()
        self._is_stopping = True


def _number_of(selector: selectors.BaseSelector) -> int:
    """Return the descriptor of a selector, -1 for one without."""
    fileno: Callable[[], int] | None = getattr(selector, "fileno", None)
    return -1 if fileno is None else fileno()


def _try(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:  # the pump serves everybody: one bad call must not end its thread
        logger.exception("the output of processes: a call failed")


class _Delivery:
    """Calls *done* once, when all targets have written what they took or the limit has passed."""

    def __init__(self, targets: set[Target], done: Callable[[], object], timers: Timers) -> None:
        self._targets = targets
        self._missing = len(targets)
        self._done: Callable[[], object] | None = done
        self._timers = timers

    def start(self) -> None:
        """Ask the targets."""
        if not self._targets:
            self._call()
            return
        for target in self._targets:
            target.when_written(self._arrived, FLUSH_LIMIT)
        if self._done is not None:
            self._timers.after(FLUSH_LIMIT, self._call)

    def _arrived(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._call()

    def _call(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()


class _Alarm:
    """Wakes the pump's thread; harmless once it is closed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_closed = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        return self._read

    def ring(self) -> None:
        with self._lock:  # the number of a closed descriptor may belong to somebody else
            if self._is_closed:
                return
            try:
                os.write(self._write, b"\0")
            except BlockingIOError:
                pass  # it rings already

    def hush(self) -> None:
        try:
            while len(os.read(self._read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._read)
                os.close(self._write)
