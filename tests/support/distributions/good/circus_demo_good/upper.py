"""The stream ``UpperStream``."""

from __future__ import annotations

from pathlib import Path

from circus_core.interfaces import Chunk, Stream


class UpperStream(Stream):
    """Append what the processes write to *filename*, in capital letters."""

    def __init__(self, filename: str) -> None:
        self._path = Path(filename)

    def write(self, chunk: Chunk) -> None:
        with self._path.open("ab") as file:
            file.write(chunk.data.upper())
