"""What somebody who made a typing error most likely meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name among *known* that *name* was most likely meant to be, ``None`` when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # only for messages

    by_fold = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), by_fold, n=1, cutoff=0.75)
    return by_fold[close[0]] if close else None
