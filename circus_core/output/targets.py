"""Where the lines of pipes go: a stream, written here or by a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from circus_core.interfaces import Chunk, Stream
from circus_core.output.account import NO_ACCOUNT, Account
from circus_core.output.faults import FaultReport, Faults
from circus_core.output.guard import GuardedStream
from circus_core.output.lines import READ_SIZE
from circus_core.output.timers import Timers
from circus_core.output.writers import STALL, Item, Writer
from circus_core.quick_dataclass import dataclass
from circus_core.values import OnError

CLOSE_LIMIT: Final = 5.0  #: seconds that a stream which is closed has to take what is queued, if it hangs
CHUNK_SIZE: Final = (
    64 * 1024
)  #: what is read at once for a stream that is handed copies: small, for its progress to be seen


@dataclass(frozen=True, slots=True)
class Source:
    """Whose output a pipe carries."""

    watcher: str
    wid: int
    pid: int
    name: str

    def chunk(self, lines: memoryview) -> Chunk:
        """Return a copy of *lines* as a chunk of this process."""
        return Chunk(bytes(lines), self.pid, self.name, self.watcher, self.wid, time.time())


class Target:
    """One stream. All but :meth:`report` belongs to the pump's thread.

    It is *direct*, written by the pump itself, while it is open on a regular file. Whatever may block (also
    opening, reopening and closing it) is done by a :class:`Writer`, which ends when the target is direct.

    :param on_error: the option ``stream_on_error``; may be changed at any time
    :param post: has a call made on the pump's thread; any thread may use it
    :param account: keeps what is under way for the next process
    """

    def __init__(
        self,
        stream: Stream,
        *,
        faults: Faults,
        on_error: OnError,
        timers: Timers,
        post: Callable[[Callable[[], object]], None],
        account: Account = NO_ACCOUNT,
    ) -> None:
        self.on_error = on_error
        self._account = account
        self._guard = GuardedStream(stream, faults, account.log)
        self._timers = timers
        self._post = post
        self._writer: Writer | None = None
        self._is_stalled = False
        self._done_at_stall = 0
        self._waiting: list[Callable[[], object]] = []

    def report(self) -> FaultReport:
        """Return how the stream fares. Any thread may ask."""
        return self._guard.faults.report()

    @property
    def read_limit(self) -> int:
        """How many bytes to read at once."""
        return READ_SIZE if self._writer is None and self._guard.takes_raw else CHUNK_SIZE

    def open(self) -> None:
        """Open the stream."""
        self._do(self._guard.open)

    def reopen(self) -> None:
        """Have the stream open its target anew."""
        self._do(self._guard.reopen)

    def close(self) -> Writer:
        """Write what is queued, then close the stream; the writer returned does that and ends."""
        self._resume()
        writer = self._do(self._guard.close)
        writer.put(partial(self._post, self._account.close))
        writer.end()
        self._timers.after(CLOSE_LIMIT, lambda: self.abandon(writer) if writer.is_hung() else None)
        return writer

    def suspend(self) -> Writer | None:
        """Close the stream and leave what is queued to the next process; the writer returned, if any, ends then."""
        if self._writer is None:
            self._guard.close()
        else:
            self._writer.suspend()
        return self._writer

    def abandon(self, writer: Writer) -> None:
        """Wait no longer for what *writer* has queued: it is lost, and counted."""
        if lost := writer.clear():
            self._guard.faults.gave_up(lost)

    def is_full(self) -> bool:
        """Whether pipes must not be read now; if so, :meth:`wait` for it."""
        return self._writer is not None and not self._is_stalled and self._writer.is_full()

    def wait(self, resume: Callable[[], object]) -> None:
        """Have *resume* called as soon as the target is no longer full."""
        if not self._waiting and self._writer is not None:
            self._watch(self._writer)
        self._waiting.append(resume)

    def take(self, source: Source, lines: memoryview) -> None:
        """Write *lines*, or queue a copy of them."""
        if self._writer is not None:
            self._queue(self._writer, source.chunk(lines))
            return
        with self._account.delivering(is_rendered=not self._guard.takes_raw):
            self._take_directly(source, lines)

    def resume(self, chunks: Iterable[Chunk]) -> None:
        """Write, before anything else, what another process had queued; the account has it."""
        for chunk in chunks:
            self._do(chunk)

    def _take_directly(self, source: Source, lines: memoryview) -> None:
        if self._guard.takes_raw:
            untaken = self._guard.write_raw(lines)
            if untaken:
                self._not_taken(source.chunk(lines[-untaken:]))
        else:
            self._write(source.chunk(lines))

    def when_written(self, call: Callable[[], object], limit: float) -> None:
        """Have *call* made when all that was taken is written.

        :param limit: do not wait for a stream that has been writing for longer than so many seconds
        """
        writer = self._writer
        busy_since = None if writer is None else writer.busy_since
        if writer is None or self._is_stalled or (busy_since and self._timers.clock() - busy_since > limit):
            call()
        else:
            writer.put(partial(self._post, call))

    def _do(self, item: Item) -> Writer:
        if self._writer is None:
            self._writer = Writer(
                self._guard,
                [item],
                is_patient=lambda: self.on_error is OnError.BLOCK,
                on_room=partial(self._post, self._resume),
                on_direct=partial(self._post, self._go_direct),
                account=self._account,
            )
        else:
            self._writer.put(item)
        return self._writer

    def _queue(self, writer: Writer, chunk: Chunk) -> None:
        if self._is_stalled and writer.is_full():
            if writer.done == self._done_at_stall:
                self._guard.faults.lost(chunk.watcher, len(chunk.data))
                return
            self._is_stalled = False  # it writes again: from now on it is only slow
        self._account.put(chunk)
        writer.put(chunk)

    def _write(self, chunk: Chunk) -> None:
        rest = self._guard.write(chunk)
        if rest is not None:
            self._not_taken(rest)

    def _not_taken(self, rest: Chunk) -> None:
        if self.on_error is OnError.BLOCK or not self._guard.is_direct:  # the file became something else
            self._account.put(rest)
            self._do(rest)
        else:
            self._guard.faults.lost(rest.watcher, len(rest.data))

    def _go_direct(self) -> None:
        ended, self._writer = self._writer, None
        for item in ended.leftover() if ended else ():
            self._pass_on(item)
        self._resume()

    def _pass_on(self, item: Item) -> None:
        if self._writer is not None:  # the one before it failed
            self._writer.put(item)
        elif isinstance(item, Chunk):
            with self._account.delivering_oldest(is_rendered=not self._guard.takes_raw):
                self._write(item)
            self._account.took()
        else:
            item()

    def _resume(self, *, is_stalled: bool = False) -> None:
        self._is_stalled = is_stalled
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def _watch(self, writer: Writer) -> None:
        self._timers.after(STALL, partial(self._look, writer, writer.done))

    def _look(self, writer: Writer, done: int) -> None:
        if writer is not self._writer or not self._waiting:
            return
        if writer.done != done:
            self._watch(writer)
            return
        self._guard.faults.failed(f"no write has returned for {STALL:g} s")
        if self.on_error is OnError.DROP:
            self._done_at_stall = done
            self._resume(is_stalled=True)
        else:
            self._watch(writer)
