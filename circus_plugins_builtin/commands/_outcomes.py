"""What a change came to, as keys of a reply."""

from __future__ import annotations

from circus_core.interfaces import Outcome, Reply


def overtaken(outcome: Outcome) -> Reply:
    """Return the key that names the later command which overtook this one, if one did."""
    return {"superseded_by": outcome.superseded_by} if outcome.superseded_by else {}


def pids(outcome: Outcome, *names: str) -> dict[str, list[int]]:
    """Return the pids of *outcome* under *names*, of ``started kept stopped``."""
    return {name: sorted(getattr(outcome, name)) for name in names}
