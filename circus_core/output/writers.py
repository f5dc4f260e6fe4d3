"""A thread that writes to one stream, behind a bounded queue."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Condition, Thread
from typing import Final

from circus_core.interfaces import Chunk
from circus_core.output.account import NO_ACCOUNT, Account
from circus_core.output.guard import GuardedStream

QUEUE_BYTES: Final = 4 * 1024 * 1024  #: a queue that holds so much takes no more
STALL: Final = 5.0  #: seconds without a finished write after which a writer counts as hung
RETRY: Final = 0.5  #: seconds between two tries of what must not be lost
_OVERHEAD: Final = 256  # bytes of memory that an item costs beside its data

Item = Chunk | Callable[[], object]
"""Something to do in its turn: a chunk to write, or any call."""


class Writer:
    """Does items in order on a daemon thread of its own, which a hung stream may hold for ever.

    Once the stream is open on a target that cannot block, the thread ends and *on_direct* is called: the owner
    then takes :meth:`leftover` and writes by itself.

    :param is_patient: whether to try again and again what the stream does not take, or to count it as lost
    :param on_room: called on the thread when a queue that was seen full has room again
    :param account: keeps what is queued for the next process
    :param on_direct: called on the thread as the last thing that it does
    """

    def __init__(
        self,
        guard: GuardedStream,
        items: Iterable[Item],
        *,
        is_patient: Callable[[], bool],
        on_room: Callable[[], object],
        on_direct: Callable[[], object],
        account: Account = NO_ACCOUNT,
    ) -> None:
        self._guard = guard
        self._account = account
        self._is_patient = is_patient
        self._on_room = on_room
        self._on_direct = on_direct
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._is_ending = False
        self._is_suspended = False
        self._seen_full = False
        self.done = 0  #: items done so far
        self.busy_since: float | None = None  #: monotonic start of the item in hand
        for item in items:
            self.put(item)
        self._thread = Thread(target=self._run, name="circus-writer", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Add *item*, whatever is queued already."""
        with self._changed:
            self._items.append(item)
            self._bytes += _cost(item)
            self._changed.notify()

    def is_full(self) -> bool:
        """Whether it is full; when it is, *on_room* will be called."""
        with self._changed:
            is_full = self._bytes >= QUEUE_BYTES
            self._seen_full |= is_full  # whoever saw it waits, also when another one finds room in the meantime
            return is_full

    def end(self) -> None:
        """Do what is queued, then end the thread. What is not taken from now on is lost, not tried again."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()

    def suspend(self) -> None:
        """End the thread after the item in hand and close the stream; the account keeps what is queued."""
        with self._changed:
            self._items = deque([self._guard.close])
            self._is_ending = self._is_suspended = True
            self._changed.notify()

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end, and tell whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def is_hung(self) -> bool:
        """Whether it has been at one item for long."""
        busy_since = self.busy_since
        return busy_since is not None and time.monotonic() - busy_since > STALL

    def clear(self) -> int:
        """Count the chunks that are queued as lost, and return how many bytes that were."""
        with self._changed:
            chunks = [item for item in self._items if isinstance(item, Chunk)]
            self._items = deque(item for item in self._items if not isinstance(item, Chunk))
            self._bytes -= sum(map(_cost, chunks))
        for chunk in chunks:
            self._guard.faults.lost(chunk.watcher, len(chunk.data))
            self._account.took()
        return sum(len(chunk.data) for chunk in chunks)

    def leftover(self) -> list[Item]:
        """Return what is queued, after *on_direct*."""
        return list(self._items)

    def _run(self) -> None:
        while (item := self._next()) is not None:
            self.busy_since = time.monotonic()
            if isinstance(item, Chunk):
                with self._account.delivering_oldest(is_rendered=not self._guard.takes_raw):
                    is_settled = self._write(item)
                if is_settled:
                    self._account.took()
            else:
                item()
            self.busy_since = None
            self.done += 1
            self._took(item)
            if self._guard.is_direct and not self._is_ending:
                self._on_direct()
                return

    def _next(self) -> Item | None:
        with self._changed:
            while not self._items and not self._is_ending:
                self._changed.wait()
            return self._items.popleft() if self._items else None

    def _took(self, item: Item) -> None:
        with self._changed:
            self._bytes -= _cost(item)
            has_room = self._seen_full and self._bytes < QUEUE_BYTES // 2
            if has_room:
                self._seen_full = False
        if has_room:
            self._on_room()

    def _write(self, chunk: Chunk) -> bool:
        """Write *chunk*, and tell whether nothing of it is left for the next process."""
        rest = self._guard.write(chunk)
        while rest is not None and self._is_patient() and not self._is_ending:
            with self._changed:
                self._changed.wait_for(lambda: self._is_ending, RETRY)
            rest = self._guard.write(rest)
        if rest is not None and self._is_suspended:
            return False
        if rest is not None:
            self._guard.faults.lost(rest.watcher, len(rest.data))
        return True


def _cost(item: Item) -> int:
    return (len(item.data) if isinstance(item, Chunk) else 0) + _OVERHEAD
