"""What is done of some lines, and the write that was begun: noted before it is made, and settled by who takes over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_BITS: Final = 31
_MASK: Final = (1 << _BITS) - 1
_KEY_SIZE: Final = 4096  #: bytes by which a write is found that others appended before


class Progress:
    """Five words: what is done, how much is being written, the file that it goes to.

    The first word holds the first two, so that a write is done and no longer under way at the same instant.

    :param words: where they are, from *at* on
    """

    def __init__(self, words: memoryview, at: int) -> None:
        self._words = words
        self._at = at

    def clear(self) -> None:
        """Note that nothing of the lines is done."""
        self._words[self._at] = 0

    def begin(self, length: int, status: os.stat_result) -> None:
        """Note that *length* bytes are about to be appended to the file with *status*."""
        words, at = self._words, self._at
        words[at + 1] = status.st_dev
        words[at + 2] = status.st_ino
        words[at + 3] = status.st_size
        words[at] = words[at] & _MASK | length << _BITS

    def end(self, count: int) -> None:
        """Note that nothing is being written, and *count* more is done: bytes, or lines where they are rendered."""
        self._words[self._at] = (self._words[self._at] & _MASK) + count

    @property
    def done(self) -> int:
        """How many bytes, or rendered lines, are done."""
        done: int = self._words[self._at] & _MASK
        return done

    @property
    def length(self) -> int:
        """How many bytes were being written, 0 for none."""
        length: int = self._words[self._at] >> _BITS
        return length

    @property
    def is_rendered(self) -> bool:
        """Whether other bytes are written than the lines themselves."""
        return bool(self._words[self._at + 4])

    @is_rendered.setter
    def is_rendered(self, is_rendered: bool) -> None:
        self._words[self._at + 4] = is_rendered

    def finish_write(self, path: str, data: bytes) -> bool:
        """Tell whether *data*, which was being written when the process died, is in the file; make a part whole."""
        device, inode, before = self._words[self._at + 1 : self._at + 4]
        for name in _candidates(path):
            with suppress(OSError):
                fd = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
                try:
                    status = os.fstat(fd)
                    if (status.st_dev, status.st_ino) == (device, inode):
                        return _finish(fd, before, data)
                finally:
                    os.close(fd)
        return False


def rest_of(lines: bytes, progress: Progress) -> bytes:
    """Return what is not done of *lines*."""
    if not progress.is_rendered:
        return lines[progress.done :]
    at = 0
    for _ in range(progress.done):
        at = lines.find(b"\n", at) + 1 or len(lines)
    return lines[at:]


def _finish(fd: int, before: int, data: bytes) -> bool:
    """Append what is missing of *data* in a file that had *before* bytes; ``False`` when nothing of it is there."""
    found = _read_from(fd, before)
    at = 0 if found[: len(data)] == data[: len(found)] else found.find(data[:_KEY_SIZE])
    written = _same_length(found[at:], data) if at >= 0 else 0
    if not written:
        return False
    rest = data[written:]
    while rest:
        rest = rest[os.write(fd, rest) :]
    return True


def _same_length(one: bytes, other: bytes) -> int:
    """Return how many bytes at the beginning of both are the same."""
    size = min(len(one), len(other))
    if one[:size] == other[:size]:
        return size
    return next(n for n in range(size) if one[n] != other[n])


def _read_from(fd: int, start: int) -> bytes:
    parts = []
    while part := os.pread(fd, 1 << 20, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _candidates(path: str) -> Iterator[str]:
    """Yield the path of a file and those that it may have been moved to."""
    yield path
    folder, name = os.path.split(path)
    with suppress(OSError):
        yield from (entry.path for entry in os.scandir(folder or ".") if entry.name.startswith(name + "."))
