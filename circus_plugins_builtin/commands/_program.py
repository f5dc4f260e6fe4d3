"""What serves, as keys of a reply."""

from __future__ import annotations

from circus_core.interfaces import Reply
from circus_core.program import Program


def program(what: Program | None = None) -> Reply:
    """Return ``version`` and ``python`` of *what*, by default of what answers."""
    what = what or Program()
    return {"version": what.version, "python": what.python}
