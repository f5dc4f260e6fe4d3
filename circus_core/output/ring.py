"""The newest output of one slot of a watcher, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

PIECE: Final = 8192  #: what is kept at once is cut into parts of about so many bytes: little is moved to make room
_SHORT_LINE: Final = 256  # bytes; most lines are no longer
_OVERHEAD: Final = 256  # bytes of memory that an entry costs beside its data

Entry = tuple[int, float, int, str, bytes]
"""Number, Unix time of the read, pid, ``stdout`` or ``stderr``, lines.

Plain tuples of plain values: the garbage collector does not look at them.
"""


class Ring:
    """The newest output of the processes that had one slot, one after the other; older lines make room.

    ``cost`` is the memory that it takes, ``forgotten`` the number of the last entry of which something is gone.
    """

    __slots__ = ("_entries", "_size", "cost", "forgotten")

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size = 0
        self.cost = 0
        self.forgotten = 0

    def put(self, entry: Entry, capacity: int) -> None:
        """Add *entry*, then forget the oldest lines until no more than *capacity* bytes are left."""
        self._entries.append(entry)
        self._size += len(entry[-1])
        self.cost += len(entry[-1]) + _OVERHEAD
        while self._size > capacity:
            self._forget(self._size - capacity)

    def skip(self, number: int) -> None:
        """Forget all, and that something came under this *number* which did not fit."""
        self.shrink(0)
        self.forgotten = number

    def shrink(self, cost: int) -> int:
        """Forget the oldest until the ring costs no more than *cost*, and return by how much its cost changed."""
        before = self.cost
        while self.cost > cost:
            self._forget()
        return self.cost - before

    def newest_first(self) -> Iterator[Entry]:
        """Yield the entries, the newest first."""
        return reversed(self._entries)

    def _forget(self, size: int | None = None) -> None:
        """Forget the oldest entry, but its lines behind the first *size* bytes."""
        entry = self._entries.popleft()
        data = entry[-1]
        end = -1 if size is None else data.find(b"\n", size - 1) + 1
        if 0 < end < len(data):
            self._entries.appendleft((*entry[:-1], data[end:]))
            gone = end
        else:
            gone = len(data)
            self.cost -= _OVERHEAD
        self._size -= gone
        self.cost -= gone
        self.forgotten = entry[0]


def pieces(lines: memoryview, capacity: int) -> Iterator[bytes]:
    """Yield the last lines that fit *capacity*, in parts that end with a line; each byte is copied once."""
    start, size = 0, len(lines)
    if size > capacity:
        before = size - capacity - 1  # a line that ends here leaves the next one whole
        start = _line_end(lines, before)
        if start in (0, size):
            start = before + 1  # part of one long line
    while start < size:
        end = _line_end(lines, min(start + PIECE, size) - 1) or size
        yield bytes(lines[start:end])
        start = end


def _line_end(lines: memoryview, start: int) -> int:
    """Return where the line ends that *start* is in, 0 when it does not."""
    for size in (_SHORT_LINE, len(lines)):
        found = bytes(lines[start : start + size]).find(b"\n")
        if found >= 0:
            return start + found + 1
    return 0
