"""The buffer that pipes are read into, in memory that outlives this process, with a note of what is done with it.

The buffer is a memfd, which the Spawner holds beside a pipe of ours, the relay. What a process printed is in its pipe,
in the relay, here or in its stream; a kill at any instruction leaves enough to tell where. ``splice`` moves it from the
pipe to the relay without a copy. Nobody else writes to that one: what is missing in it was read, even when this process
died before it was told. And a process that prints does not wait while its output is copied.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum
from typing import Final

from circus_core.interfaces import Chunk
from circus_core.output.kernel import Relay
from circus_core.output.ledger import Ledger
from circus_core.output.lines import MAX_LINE, READ_SIZE
from circus_core.output.progress import Progress
from circus_core.quick_dataclass import dataclass

_PAGE: Final = 4096
_BUFFER: Final = MAX_LINE + READ_SIZE
_MOST_LEDGERS: Final = 1 << 16
_PAGES_AT: Final = _PAGE + _BUFFER  # of the ledgers
_MAPPED: Final = _PAGES_AT + _MOST_LEDGERS * _PAGE
_SLOTS_AT: Final = _MAPPED
_SLOT: Final = _PAGE + MAX_LINE
_MOST_SLOTS: Final = 1 << 17
_LEDGERS_AT: Final = _SLOTS_AT + _MOST_SLOTS * _SLOT

# Words of 8 bytes in the first page; each is stored by one instruction.
_PHASE, _SLOT_NUMBER, _START, _END, _STOP, _SLOTS_USED, _LEDGERS_USED, _LEDGER, _SEQUENCE, _DELIVERY, _SIZE = range(11)
_PROGRESS: Final = 16

_OWNER: Final = struct.Struct("=QQQ")  # of a slot: child, 1 or 2, length of the unfinished line


class Phase(IntEnum):
    """What goes on with the buffer."""

    IDLE = 0
    READ = 1  # a pipe is being moved to it through the relay, after the unfinished line in its slot
    DELIVER = 2  # the lines up to the end are being delivered
    TAIL = 3  # what follows them is being put into the slot


@dataclass(frozen=True, slots=True)
class Owner:
    """A pipe: the child, and 1 or 2."""

    child: int
    number: int


class Journal:
    """Where a :class:`~circus_core.output.lines.LineBuffer` would be, when output is to outlive this process.

    :param fd: the memfd, ours from now on
    :param relay: with what the process before left in it; ours too
    """

    def __init__(self, fd: int, relay: Relay) -> None:
        self._fd = fd
        self._relay = relay
        if os.fstat(fd).st_size < _LEDGERS_AT:
            os.ftruncate(fd, _LEDGERS_AT)
        self._map = mmap.mmap(fd, _MAPPED)
        self._bytes = memoryview(self._map)
        self._words = self._bytes.cast("Q")
        self._view = self._bytes[_PAGE:_PAGES_AT]
        self._progress = Progress(self._words, _PROGRESS)
        self._lengths: dict[int, int] = {}
        self._left: dict[Owner, tuple[int, bytes]] = {}
        self._free: list[int] = []
        self._find_slots()
        self._free_ledgers: list[int] = []
        self._left_ledgers: dict[tuple[int, int], list[Ledger]] = {}
        self.left_keys: set[int] = set()  #: of watchers for whose streams something waits
        self._is_queued = False  # what was under way: a ledger has got it
        self._find_ledgers()

    @staticmethod
    def create() -> Journal:
        """Return an empty one."""
        relay = Relay.create()
        return Journal(os.memfd_create("circus-output", os.MFD_CLOEXEC), relay)

    def filenos(self) -> tuple[int, int]:
        """Return the descriptors of the memfd and the relay."""
        return self._fd, self._relay.fd

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)
        self._relay.close()
        with suppress(BufferError):  # somebody still looks at some lines
            for view in (self._view, self._words, self._bytes):
                view.release()
            self._map.close()

    @property
    def delivery(self) -> int:
        """The number of the last delivery from the buffer."""
        number: int = self._words[_DELIVERY]
        return number

    # -- slots: the unfinished lines ----------------------------------------------------------------------------

    def open_slot(self, child: int, number: int) -> tuple[int, bytes]:
        """Return a slot for a pipe, and its unfinished line: the one that it had in the process before."""
        owner = Owner(child, number)
        slot, tail = self._left.pop(owner, (-1, b""))
        if slot < 0:
            slot = self._free.pop() if self._free else self._new_slot()
            self._lengths[slot] = 0
            os.pwrite(self._fd, _OWNER.pack(child, number, 0), _slot_at(slot))
        return slot, tail

    def close_slot(self, slot: int) -> None:
        """Free a slot."""
        os.pwrite(self._fd, _OWNER.pack(0, 0, 0), _slot_at(slot))
        del self._lengths[slot]
        self._free.append(slot)

    def drop_left(self) -> None:
        """Free what nobody has opened again."""
        for slot, _ in self._left.values():
            self.close_slot(slot)
        self._left.clear()
        for ledgers in self._left_ledgers.values():
            for ledger in ledgers:
                self.release(ledger)
        self._left_ledgers.clear()

    # -- ledgers: what waits for the targets ----------------------------------------------------------------------

    def open_ledger(self, key: int, number: int) -> tuple[Ledger, list[Chunk]]:
        """Return a ledger for a stream of a watcher, 1 or 2, with what waits in it from the process before."""
        mine = self._left_ledgers.pop((key, number), [])
        if not mine:
            ledger = self._new_ledger()
            ledger.claim(key, number, self._next_sequence())
            return ledger, []
        chunks = [chunk for ledger in mine for chunk in _unfinished(ledger)]
        if len(mine) == 1:
            return mine[0], chunks
        # A stream that was being closed while the next one took its place.
        ledger = self._new_ledger()
        ledger.claim(key, number, self._next_sequence())
        for chunk in chunks:
            ledger.put(chunk, self.delivery)
        for old in mine:
            self.release(old)
        return ledger, chunks

    def release(self, ledger: Ledger) -> None:
        """Take a ledger back."""
        ledger.release()
        self._free_ledgers.append(ledger.number)

    # -- the buffer ---------------------------------------------------------------------------------------------

    def read(self, slot: int, fd: int, tail: bytes, limit: int = READ_SIZE) -> tuple[int, memoryview, bytes]:
        """Read as :meth:`LineBuffer.read` does; :meth:`settle` has to follow.

        :param slot: the one of the pipe, where *tail* is too
        """
        words, start = self._words, len(tail)
        words[_SLOT_NUMBER] = slot
        words[_START] = start
        words[_SIZE] = 0
        words[_PHASE] = Phase.READ
        try:
            size = words[_SIZE] = self._relay.fill(fd, limit)
        except BlockingIOError:
            words[_PHASE] = Phase.IDLE
            raise
        self._relay.take(self._view[start : start + size])
        return size, *self._divide(tail, size)

    def refill(self, slot: int, tail: bytes) -> memoryview:
        """Return the unfinished line of a pipe to be delivered as it is; :meth:`settle` has to follow."""
        self._words[_SLOT_NUMBER] = slot
        self._view[: len(tail)] = tail
        self._deliver(len(tail), len(tail))
        return self._view[: len(tail)]

    def progress(self, ledger: Ledger) -> Progress:
        """Return where to note how far the delivery to the target of *ledger* is."""
        self._words[_LEDGER] = ledger.number
        return self._progress

    def settle(self, slot: int, tail: bytes) -> None:
        """Note that the lines are delivered, and keep the unfinished one."""
        if tail or self._lengths[slot]:
            self._words[_PHASE] = Phase.TAIL
            self._keep_tail(slot, tail)
        self._words[_PHASE] = Phase.IDLE

    def _divide(self, tail: bytes, size: int) -> tuple[memoryview, bytes]:
        start = len(tail)
        self._view[:start] = tail
        stop = start + size
        end = self._map.rfind(b"\n", _PAGE + start, _PAGE + stop) + 1
        end = end - _PAGE if end else 0
        if stop - end >= MAX_LINE:
            end = stop
        self._deliver(end, stop)
        return self._view[:end], bytes(self._view[end:stop])

    def _deliver(self, end: int, stop: int) -> None:
        words = self._words
        words[_DELIVERY] += 1
        words[_END] = end
        words[_STOP] = stop
        words[_LEDGER] = 0
        words[_PROGRESS] = 0
        words[_PHASE] = Phase.DELIVER

    def _keep_tail(self, slot: int, tail: bytes) -> None:
        os.pwrite(self._fd, tail, _slot_at(slot) + _PAGE)
        os.pwrite(self._fd, len(tail).to_bytes(8, "little"), _slot_at(slot) + 16)
        self._lengths[slot] = len(tail)

    # -- what the process before left ---------------------------------------------------------------------------

    def interrupted(self) -> tuple[int, bytes, bytes] | None:
        """Return what was under way: the slot, the lines that are to be delivered, the unfinished one after them.

        :meth:`settle` has to follow once they are delivered. Called before anything else is read.

        :returns: ``None`` when nothing was
        """
        words = self._words
        phase, slot = words[_PHASE], words[_SLOT_NUMBER]
        if phase == Phase.IDLE:
            return None
        if phase == Phase.READ:
            start, left = words[_START], self._relay.left()
            taken = words[_SIZE] - left if words[_SIZE] else 0
            words[_SIZE] = taken + left
            self._relay.take(self._view[start + taken : start + taken + left])
            lines, tail = self._divide(os.pread(self._fd, start, _slot_at(slot) + _PAGE), taken + left)
            return slot, bytes(lines), tail
        tail = bytes(self._view[words[_END] : words[_STOP]])
        if phase == Phase.TAIL or self._is_queued:
            return slot, b"", tail
        lines = self._view[: words[_END]]
        if not words[_LEDGER]:
            return slot, bytes(lines), tail
        ledger = self._ledger(words[_LEDGER])
        return slot, ledger.settled(self._progress, bytes(lines)), tail

    def give_up(self) -> None:
        """Forget what was under way: nobody wants it any more."""
        self._words[_PHASE] = Phase.IDLE

    def _find_ledgers(self) -> None:
        for number in range(1, self._words[_LEDGERS_USED] + 1):
            ledger = self._ledger(number)
            key, which = ledger.owner
            if key:
                self._left_ledgers.setdefault((key, which), []).append(ledger)
            else:
                self.release(ledger)
            if key and ledger.has_waiting:
                self.left_keys.add(key)
            self._is_queued |= bool(key) and self._words[_PHASE] == Phase.DELIVER and ledger.has_got(self.delivery)
        for ledgers in self._left_ledgers.values():
            ledgers.sort(key=lambda ledger: ledger.sequence)

    def _new_ledger(self) -> Ledger:
        if self._free_ledgers:
            return self._ledger(self._free_ledgers.pop())
        self._words[_LEDGERS_USED] += 1
        return self._ledger(self._words[_LEDGERS_USED])

    def _ledger(self, number: int) -> Ledger:
        if number > _MOST_LEDGERS:
            raise OSError(f"more than {_MOST_LEDGERS} streams")
        return Ledger(number, self._fd, self._bytes, self._words, page=_PAGES_AT, room=_LEDGERS_AT)

    def _next_sequence(self) -> int:
        self._words[_SEQUENCE] += 1
        sequence: int = self._words[_SEQUENCE]
        return sequence

    def _new_slot(self) -> int:
        slot = self._words[_SLOTS_USED]
        if slot == _MOST_SLOTS:
            raise OSError(f"more than {_MOST_SLOTS} pipes")
        self._words[_SLOTS_USED] = slot + 1
        return slot

    def _find_slots(self) -> None:
        for slot in range(self._words[_SLOTS_USED]):
            child, number, length = _OWNER.unpack(os.pread(self._fd, _OWNER.size, _slot_at(slot)))
            self._lengths[slot] = length
            if child:
                self._left[Owner(child, number)] = slot, os.pread(self._fd, length, _slot_at(slot) + _PAGE)
            else:
                self.close_slot(slot)


def _unfinished(ledger: Ledger) -> Iterator[Chunk]:
    """Yield what waits, without what the process before did of the first."""
    for chunk, progress in ledger.waiting():
        data = chunk.data if progress is None else ledger.settled(progress, chunk.data)
        if data:
            yield replace(chunk, data=data)
        else:
            ledger.took()


def _slot_at(slot: int) -> int:
    return _SLOTS_AT + slot * _SLOT
