"""``QueueStream``: output for a program that embeds circus."""

from __future__ import annotations

from queue import Queue
from typing import Any, Final

from circus_core.interfaces import Chunk
from circus_streams._callable import CallableStream

MAX_BYTES: Final = 64 * 1024 * 1024  #: a queue that holds so much waits for its reader
_OVERHEAD: Final = 512  # bytes of memory that an item costs beside its data


class QueueStream(Queue[dict[str, Any]], CallableStream):
    """A queue of the mappings ``{"data", "pid", "name", "timestamp"}``; read it with ``get``."""

    def __init__(self, **_ignored: Any) -> None:
        super().__init__()

    def write(self, chunk: Chunk) -> None:
        item = {"data": chunk.data, "pid": chunk.pid, "name": chunk.name, "timestamp": chunk.time}
        with self.not_full:
            self.not_full.wait_for(lambda: self._bytes < MAX_BYTES)
        self.put(item)

    # What the queue of the standard library calls under its lock.

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._bytes = 0

    def _put(self, item: dict[str, Any]) -> None:
        super()._put(item)
        self._bytes += len(item["data"]) + _OVERHEAD

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = super()._get()
        self._bytes -= len(item["data"]) + _OVERHEAD
        return item
