"""The newest output of all processes, for whoever asks."""

from __future__ import annotations

import marshal
import os
import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Final

from circus_core.output.excerpts import Excerpt, Origin, last_lines, lines_after
from circus_core.output.ring import Entry, Ring, pieces
from circus_core.output.targets import Source

_FORMAT: Final = 2  # of marshal: every Python 3 reads it
BUDGET: Final = 32 * 1024 * 1024  #: bytes of memory for the rings of the whole daemon


class WatcherRings:
    """The rings of one watcher by slot, each made when there is something to put into it.

    ``capacity`` is how many bytes of output each keeps; 0 keeps none.
    """

    __slots__ = ("_of_all", "capacity", "name", "slots")

    def __init__(self, name: str, of_all: Rings) -> None:
        self.name = name
        self.capacity = 0
        self.slots: dict[int, Ring] = {}
        self._of_all = of_all

    def put(self, source: Source, lines: memoryview) -> None:
        """Keep a copy of the last *lines* of a process."""
        if self.capacity:
            self._of_all.put(self, source, lines)

    def resize(self, capacity: int) -> None:
        """Keep so many bytes of the output of each process from now on."""
        self._of_all.resize(self, capacity)


Slots = dict[int, tuple[int, list[Entry]]]
"""Slot to the number of the last entry that is not whole, and its entries, the oldest first."""

Wanted = tuple[WatcherRings, int | None, int | None]
"""A watcher's rings, one wid of it or all, one pid of it or all."""


class Rings:
    """Keeps what the processes printed last. Any thread may call; nothing waits longer than a copy takes.

    A ring may grow up to its watcher's capacity while the budget lasts; then each is left a fair share of it.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self.id = os.urandom(4).hex()  #: numbers of entries mean nothing to another one
        self._budget = budget
        self._lock = Lock()
        self._watchers: dict[str, WatcherRings] = {}
        self._number = 0
        self._cost = 0
        self._count = 0
        self._waiting: dict[Callable[[], object], list[Wanted]] = {}
        self._left: dict[str, Slots] = {}  # of another process, until a watcher wants it

    def dump(self) -> bytes:
        """Return all that is kept, for another process."""
        with self._lock:
            kept = {name: _slots(rings) for name, rings in self._watchers.items() if rings.slots}
            return marshal.dumps((self.id, self._number, kept), _FORMAT)

    def restore(self, data: bytes) -> None:
        """Go on with what another process kept.

        :raises ValueError: it is nothing of that kind
        """
        try:
            self.id, self._number, self._left = marshal.loads(data)
        except (EOFError, TypeError, ValueError) as exc:
            raise ValueError(f"no rings: {exc}") from exc

    def of(self, name: str) -> WatcherRings:
        """Return the rings of a watcher; one that comes back after a restart of the daemon has what it had."""
        with self._lock:
            return self._watchers.setdefault(name.lower(), WatcherRings(name, self))

    def resize(self, rings: WatcherRings, capacity: int) -> None:
        """Keep so many bytes of each process of a watcher from now on."""
        with self._lock:
            rings.capacity = capacity
            if not capacity:
                self._clear(rings)
            for wid, (forgotten, entries) in self._left.pop(rings.name.lower(), {}).items():
                if capacity:
                    self._fill(rings, wid, forgotten, entries)

    def drop(self, name: str) -> None:
        """Forget a watcher that is gone; what its last processes still print is not kept."""
        with self._lock:
            rings = self._watchers.pop(name.lower(), None)
            if rings is not None:
                rings.capacity = 0
                self._clear(rings)

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all watchers but these."""
        for name in self._watchers.keys() - {name.lower() for name in names}:
            self.drop(name)

    def put(self, rings: WatcherRings, source: Source, lines: memoryview) -> None:
        """Keep a copy of the last *lines* of a process."""
        with self._lock:
            ring = rings.slots.get(source.wid)
            if ring is None:
                ring = rings.slots[source.wid] = Ring()
                self._count += 1
            before, now = ring.cost, time.time()
            if len(lines) > rings.capacity:
                self._number += 1
                ring.skip(self._number)  # the number of what does not fit
            for data in pieces(lines, rings.capacity):
                self._number += 1
                ring.put((self._number, now, source.pid, source.name, data), rings.capacity)
            self._cost += ring.cost - before
            if self._cost > self._budget:
                self._share(ring)
            if self._waiting:
                self._wake(rings, source)

    def last(self, wanted: Iterable[Wanted], lines: int) -> Excerpt:
        """Return the last so many *lines* of the output that is wanted."""
        with self._lock:
            return last_lines(_origins(wanted), lines, self._number)

    def after(self, wanted: Iterable[Wanted], number: int, lines: int) -> Excerpt:
        """Return the first so many *lines*, at least one entry, of what came after the entry *number*."""
        with self._lock:
            return lines_after(_origins(wanted), number, lines, self._number)

    def notify(self, call: Callable[[], object], wanted: Iterable[Wanted], number: int) -> None:
        """Have *call* made once, soon after any of what is wanted came after the entry *number*; from any thread."""
        wanted = list(wanted)
        with self._lock:
            if lines_after(_origins(wanted), number, 1, number).chunks:
                call()
            else:
                self._waiting[call] = wanted

    def forget(self, call: Callable[[], object]) -> None:
        """Make that *call* no more."""
        with self._lock:
            self._waiting.pop(call, None)

    def wake(self) -> None:
        """Make all calls that were asked for now: the daemon stops, nothing may come any more."""
        with self._lock:
            calls, self._waiting = list(self._waiting), {}
        for call in calls:
            call()

    def _fill(self, rings: WatcherRings, wid: int, forgotten: int, entries: list[Entry]) -> None:
        ring = rings.slots[wid] = Ring()
        self._count += 1
        ring.forgotten = forgotten
        for entry in entries:
            ring.put(tuple(entry), rings.capacity)  # type: ignore[arg-type]  # what marshal gives is one
        self._cost += ring.cost

    def _wake(self, rings: WatcherRings, source: Source) -> None:
        found = (rings, source.wid, source.pid)
        for call in [call for call, wanted in self._waiting.items() if any(_is_in(found, each) for each in wanted)]:
            del self._waiting[call]
            call()

    def _clear(self, rings: WatcherRings) -> None:
        self._count -= len(rings.slots)
        self._cost -= sum(ring.cost for ring in rings.slots.values())
        rings.slots.clear()

    def _share(self, ring: Ring) -> None:
        """Bring the cost of all back into the budget, at the cost of *ring* if that is enough."""
        share = self._budget // self._count
        self._cost += ring.shrink(share)
        if self._cost > self._budget:
            for rings in self._watchers.values():
                self._cost += sum(each.shrink(share) for each in rings.slots.values())


def _slots(rings: WatcherRings) -> Slots:
    return {wid: (ring.forgotten, [*ring.newest_first()][::-1]) for wid, ring in rings.slots.items()}


def _is_in(found: Wanted, wanted: Wanted) -> bool:
    return found[0] is wanted[0] and wanted[1] in (None, found[1]) and wanted[2] in (None, found[2])


def _origins(wanted: Iterable[Wanted]) -> Iterator[tuple[Origin, Ring]]:
    for rings, wid, pid in wanted:
        for slot, ring in rings.slots.items():
            if wid in (None, slot):
                yield Origin(rings.name, slot, pid), ring
