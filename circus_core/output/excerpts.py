"""Parts of rings, merged in the order that the output came in."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import itemgetter
from typing import NamedTuple

from circus_core.interfaces import Chunk
from circus_core.output.ring import Entry, Ring
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some of what is in rings, oldest first.

    :param number: of the entry that it reaches up to
    :param gaps: (watcher, wid) of which entries were forgotten before they could be in it
    """

    chunks: tuple[Chunk, ...]
    number: int
    gaps: tuple[tuple[str, int], ...] = ()


class Origin(NamedTuple):
    """Whose output a ring holds; with a *pid*, that of this process alone is wanted."""

    watcher: str
    wid: int
    pid: int | None


_Found = tuple[int, Origin, Entry]
_number = itemgetter(0)


def last_lines(rings: Iterable[tuple[Origin, Ring]], lines: int, newest: int) -> Excerpt:
    """Return the last so many *lines* of some *rings*."""
    chunks: list[Chunk] = []
    for _, origin, entry in heapq.merge(*(_newest_first(*ring) for ring in rings), key=_number, reverse=True):
        if lines <= 0:
            break
        data = _cut(entry[-1], lines)
        lines -= count_lines(data)
        chunks.append(_chunk(origin, entry, data))
    return Excerpt(tuple(reversed(chunks)), newest)


def lines_after(rings: Iterable[tuple[Origin, Ring]], number: int, lines: int, newest: int) -> Excerpt:
    """Return the first so many *lines*, at least one entry, of what came after the entry *number*."""
    rings = list(rings)
    gaps = tuple((origin.watcher, origin.wid) for origin, ring in rings if ring.forgotten > number)
    found: list[_Found] = []
    for origin, ring in rings:
        found += takewhile(lambda each: each[0] > number, _newest_first(origin, ring))
    found.sort(key=_number)
    chunks: list[Chunk] = []
    for reached, origin, entry in found:
        if lines <= 0:
            return Excerpt(tuple(chunks), number, gaps)
        lines -= count_lines(entry[-1])
        number = reached
        chunks.append(_chunk(origin, entry, entry[-1]))
    return Excerpt(tuple(chunks), newest, gaps)


def count_lines(data: bytes) -> int:
    """Return how many lines *data* holds; one without an end counts."""
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _newest_first(origin: Origin, ring: Ring) -> Iterator[_Found]:
    for entry in ring.newest_first():
        if origin.pid in (None, entry[2]):
            yield entry[0], origin, entry


def _cut(data: bytes, lines: int) -> bytes:
    """Return the last so many lines of *data*."""
    start = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        start = data.rfind(b"\n", 0, start)
        if start < 0:
            return data
    return data[start + 1 :]


def _chunk(origin: Origin, entry: Entry, data: bytes) -> Chunk:
    _, time, pid, name, _ = entry
    return Chunk(data, pid, name, origin.watcher, origin.wid, time)
