"""How far the delivery to one target is, and what waits for it, in memory that outlives this process."""

from __future__ import annotations

import marshal
import mmap
import os
import struct
from collections import deque
from collections.abc import Iterator
from threading import Lock
from typing import Final

from circus_core.interfaces import Chunk
from circus_core.output.progress import Progress, rest_of

_PAGE: Final = 4096
_HALF: Final = 16 * 1024 * 1024  #: of the room for what waits; one is used at a time
_RENDERED_AT: Final = 2 * _HALF
_MOST_RENDERED: Final = 8 * 1024 * 1024
_SIZE: Final = _RENDERED_AT + _MOST_RENDERED

_PROGRESS: Final = 8  # words before it in its page
_PATH_AT: Final = 256
_LONGEST_PATH: Final = _PAGE - _PATH_AT - 8

_RECORD: Final = struct.Struct("=QII")  # of what waits: delivery that brought it, length of its facts, of its data
_BITS: Final = 31
_MASK: Final = (1 << _BITS) - 1


class Ledger:
    """One target's part of the memfd. It is the :class:`~circus_core.interfaces.WriteLog` of its stream.

    :param number: from 1
    :param view: the mapped part of the memfd, as bytes
    :param words: the same, as words
    :param page: where the page of the first one begins
    :param room: where its room begins, which is not mapped
    """

    def __init__(self, number: int, fd: int, view: memoryview, words: memoryview, *, page: int, room: int) -> None:
        self.number = number
        self._fd = fd
        self._room_at = room + (number - 1) * _SIZE
        if os.fstat(fd).st_size < self._room_at + _SIZE:
            os.ftruncate(fd, self._room_at + _SIZE)
        self._view = view
        self._words = words
        self._path_at = page + (number - 1) * _PAGE + _PATH_AT
        first = (page + (number - 1) * _PAGE) // 8
        self._key, self._number, self._sequence, self._queue_at, self._oldest, self._newest = range(first, first + 6)
        self._own = Progress(words, first + _PROGRESS)
        self._lock = Lock()
        self._lengths: deque[int] = deque()
        self._path = ""
        self._progress: Progress | None = None  # of the lines that are being written
        self._lines = 0

    def claim(self, key: int, number: int, sequence: int) -> None:
        """Make it the one of a watcher's stream, 1 or 2; it has to be free."""
        self._own.clear()
        self._words[self._oldest] = self._words[self._queue_at] = self._words[self._newest] = 0
        self._words[self._number] = number
        self._words[self._sequence] = sequence
        self._words[self._key] = key

    def release(self) -> None:
        """Let it be free, and give back its memory."""
        self._words[self._key] = 0
        with mmap.mmap(self._fd, _SIZE, offset=self._room_at) as room:
            room.madvise(mmap.MADV_REMOVE)

    @property
    def owner(self) -> tuple[int, int]:
        """The watcher's key, 0 when it is free, and 1 or 2."""
        return self._words[self._key], self._words[self._number]

    @property
    def sequence(self) -> int:
        """When it was claimed, compared with others."""
        sequence: int = self._words[self._sequence]
        return sequence

    # -- what is being written ----------------------------------------------------------------------------------

    def writing(self, progress: Progress, *, is_rendered: bool) -> Ledger:
        """Note in *progress* what the stream writes from now on; entered and left by ``with``."""
        progress.is_rendered = is_rendered
        self._progress = progress
        return self

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress = None

    def writing_oldest(self, *, is_rendered: bool) -> Ledger:
        """Note so what the stream writes of the oldest chunk that waits."""
        oldest = self._words[self._queue_at] >> _BITS
        if self._words[self._oldest] != oldest:  # else it goes on where another process was
            self._own.clear()
            self._words[self._oldest] = oldest
        return self.writing(self._own, is_rendered=is_rendered)

    def intend(self, path: str, status: os.stat_result, data: bytes | memoryview) -> None:
        """Note that *data* is about to be appended to the file with *status*."""
        progress = self._progress
        if progress is None or not self._can_note(path, len(data), progress):
            return
        if progress.is_rendered:
            os.pwrite(self._fd, data, self._room_at + _RENDERED_AT)
            self._lines = bytes(data).count(b"\n")
        progress.begin(len(data), status)

    def done(self, size: int) -> None:
        """Note that the first *size* bytes of it, whole lines, were appended."""
        if self._progress is not None:
            self._progress.end(self._lines if self._progress.is_rendered else size)

    def _can_note(self, path: str, size: int, progress: Progress) -> bool:
        if path != self._path:
            name = os.fsencode(path)
            if len(name) > _LONGEST_PATH:
                return False
            self._view[self._path_at : self._path_at + len(name) + 1] = name + b"\0"
            self._path = path
        return not progress.is_rendered or size <= _MOST_RENDERED

    def settled(self, progress: Progress, lines: bytes) -> bytes:
        """Return what is left to do of *lines*, once the write that another process had begun is whole or void."""
        size = progress.length
        if size:
            if progress.is_rendered:
                data = os.pread(self._fd, size, self._room_at + _RENDERED_AT)
                count = data.count(b"\n")
            else:
                data = lines[progress.done : progress.done + size]
                count = size
            path = os.fsdecode(bytes(self._view[self._path_at : self._path_at + _LONGEST_PATH + 1]).partition(b"\0")[0])
            progress.end(count if progress.finish_write(path, data) else 0)
        return rest_of(lines, progress)

    # -- what waits ---------------------------------------------------------------------------------------------

    def put(self, chunk: Chunk, delivery: int) -> None:
        """Keep *chunk* until :meth:`took` is called for it; they are taken in order.

        :param delivery: number of the one that brings it; :meth:`has_got` tells of it from then on
        """
        facts = marshal.dumps((chunk.pid, chunk.name, chunk.watcher, chunk.wid, chunk.time), 2)
        record = _RECORD.pack(delivery, len(facts), len(chunk.data)) + facts
        length = len(record) + len(chunk.data)
        with self._lock:
            half, head, tail = self._queue()
            if tail + length > _HALF:
                half, head, tail = self._move(half, head, tail)
            os.pwritev(self._fd, [record, chunk.data], self._half_at(half) + tail)
            self._lengths.append(length)
            self._set_queue(half, head, tail + length)
            self._words[self._newest] = delivery

    def has_got(self, delivery: int) -> bool:
        """Tell whether that delivery was the last one to put a chunk here."""
        if self._words[self._newest] == delivery:
            return True
        # Put by a process that died before it could note it?
        return any(number == delivery for _, number, _, _ in self._records())

    def took(self) -> None:
        """Drop the oldest chunk."""
        with self._lock:
            half, head, tail = self._queue()
            head += self._lengths.popleft()
            is_empty = head == tail
            self._set_queue(half, 0 if is_empty else head, 0 if is_empty else tail)
            self._own.clear()

    @property
    def has_waiting(self) -> bool:
        """Whether any chunk waits."""
        _, head, tail = self._queue()
        return head < tail

    def waiting(self) -> Iterator[tuple[Chunk, Progress | None]]:
        """Yield the chunks that another process left, the first with how far it was; from now on they are ours."""
        progress = self._own if self._words[self._oldest] == self._words[self._queue_at] >> _BITS else None
        if not self.has_waiting:
            self._own.clear()
        for start, _, facts_size, size in self._records():
            pid, name, watcher, wid, time = marshal.loads(os.pread(self._fd, facts_size, start))
            data = os.pread(self._fd, size, start + facts_size)
            self._lengths.append(_RECORD.size + facts_size + size)
            yield Chunk(data, pid, name, watcher, wid, time), progress
            progress = None

    def _records(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield of each chunk that waits where its facts begin, its delivery, the sizes of its facts and data."""
        half, at, tail = self._queue()
        while at < tail:
            start = self._half_at(half) + at
            delivery, facts_size, size = _RECORD.unpack(os.pread(self._fd, _RECORD.size, start))
            yield start + _RECORD.size, delivery, facts_size, size
            at += _RECORD.size + facts_size + size

    def _queue(self) -> tuple[int, int, int]:
        word = self._words[self._queue_at]
        return word >> (2 * _BITS), word >> _BITS & _MASK, word & _MASK

    def _set_queue(self, half: int, head: int, tail: int) -> None:
        self._words[self._queue_at] = half << (2 * _BITS) | head << _BITS | tail

    def _half_at(self, half: int) -> int:
        return self._room_at + half * _HALF

    def _move(self, half: int, head: int, tail: int) -> tuple[int, int, int]:
        """Copy what waits to the beginning of the other half, and go on there."""
        data = os.pread(self._fd, tail - head, self._half_at(half) + head)
        os.pwrite(self._fd, data, self._half_at(1 - half))
        # The one in hand is another one to who takes over now: it would be repeated, not lost.
        self._set_queue(1 - half, 0, tail - head)
        return 1 - half, 0, tail - head
