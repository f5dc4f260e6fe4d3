"""The newest output of one slot of a watcher, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

PIECE: Final = 2048  #: what is kept at once is cut into parts of about so many bytes, each forgotten as a whole
_OVERHEAD: Final = 256  # bytes of memory that an entry costs beside its data

Entry = tuple[int, float, int, str, bytes]
"""Number, Unix time of the read, pid, ``stdout`` or ``stderr``, lines.

Plain tuples of plain values: the garbage collector does not look at them.
"""


class Ring:
    """The newest output of the processes that had one slot, one after the other; older entries make room.

    ``cost`` is the memory that it takes, ``forgotten`` the number of the last entry that made room.
    """

    __slots__ = ("_entries", "_size", "cost", "forgotten")

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size = 0
        self.cost = 0
        self.forgotten = 0

    def put(self, entry: Entry, capacity: int) -> None:
        """Add *entry*, then forget the oldest until no more than *capacity* bytes are left."""
        self._entries.append(entry)
        self._size += len(entry[-1])
        self.cost += len(entry[-1]) + _OVERHEAD
        while self._size > capacity:
            self._forget()

    def shrink(self, cost: int) -> int:
        """Forget the oldest until the ring costs no more than *cost*, and return by how much its cost changed."""
        before = self.cost
        while self.cost > cost:
            self._forget()
        return self.cost - before

    def newest_first(self) -> Iterator[Entry]:
        """Yield the entries, the newest first."""
        return reversed(self._entries)

    def _forget(self) -> None:
        number, *_, data = self._entries.popleft()
        self._size -= len(data)
        self.cost -= len(data) + _OVERHEAD
        self.forgotten = number


def pieces(lines: memoryview, capacity: int) -> Iterator[bytes]:
    """Yield the last lines that fit *capacity*, in parts that end with a line."""
    data = bytes(lines[-capacity:])
    start = 0
    if len(lines) > capacity:
        start = data.find(b"\n") + 1  # 0 when it is part of one long line
        if start == len(data):
            start = 0
    while start < len(data):
        end = data.find(b"\n", min(start + PIECE, len(data)) - 1) + 1 or len(data)
        yield data[start:end]
        start = end
