"""Where a daemon's other endpoints are, seen from here."""

from __future__ import annotations

import re
from typing import Final

_TCP: Final = re.compile(r"tcp://(\[.*\]|[^:]+):(\d+)")
_EVERYWHERE: Final = {"*", "0.0.0.0", "[::]"}
_HERE: Final = {"localhost", "127.0.0.1", "[::1]"}


def seen_from(endpoint: str, other: str) -> str:
    """Return the address *other*, which the daemon at *endpoint* names, as a client of *endpoint* connects to it.

    What it binds on every interface is at the host of *endpoint*; what it binds on its own loopback stays as it is,
    since nobody else reaches it.
    """
    mine, theirs = _TCP.fullmatch(endpoint), _TCP.fullmatch(other)
    if mine is None or theirs is None or theirs[1] not in _EVERYWHERE:
        return other
    host = "127.0.0.1" if mine[1] in _EVERYWHERE | _HERE else mine[1]
    return f"tcp://{host}:{theirs[2]}"
