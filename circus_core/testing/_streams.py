"""A stream that keeps what it is given."""

from __future__ import annotations

from threading import Event

from circus_core.interfaces import Chunk, Stream


class RecordingStream(Stream):
    """Keeps each chunk in ``chunks``, each other call in ``calls``; raises ``error``, waits for ``go`` when told to."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.calls: list[str] = []
        self.error: Exception | None = None
        self.go = Event()
        self.go.set()

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def lines(self) -> list[str]:
        """The same as text, line by line."""
        return self.data.decode(errors="replace").splitlines()

    def open(self) -> None:
        self.calls.append("open")

    def write(self, chunk: Chunk) -> None:
        self.go.wait()
        if self.error is not None:
            raise self.error
        self.chunks.append(chunk)

    def reopen(self) -> None:
        self.calls.append("reopen")

    def close(self) -> None:
        self.calls.append("close")
