"""Mappings of a watcher that write back what is assigned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any


class LiveMapping(MutableMapping[str, Any]):
    """Reads as the mapping is now; each change replaces it.

    :param read: returns the mapping as it is now, ``None`` for an empty one
    :param write: takes it as it shall be
    """

    def __init__(self, read: Callable[[], dict[str, Any]], write: Callable[[dict[str, Any]], None]) -> None:
        self._read = read
        self._write = write

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._write({**self._read(), key: value})

    def __delitem__(self, key: str) -> None:
        rest = self._read()
        del rest[key]
        self._write(rest)

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def copy(self) -> dict[str, Any]:
        """Return a plain copy."""
        return self._read()
