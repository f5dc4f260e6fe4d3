"""``get_arbiter`` for programs with gevent."""

from __future__ import annotations

from typing import Any

from circus_core.compat import handler
from circus_core.compat.arbiter import Arbiter


def get_arbiter(watchers: Any, *args: Any, **kw: Any) -> Arbiter:
    """Return an arbiter, as ``circus.get_arbiter`` does, with the same arguments.

    :raises ValueError: *background* is given: a thread of its own and gevent do not go together
    """
    if kw.get("background"):
        raise ValueError("circus.green has no background=True; take circus.get_arbiter, which needs no gevent")
    return handler.get_arbiter(watchers, *args, **kw)
