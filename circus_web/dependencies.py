"""The packages that only the web console needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("bottle", "tornado")


def missing() -> list[str]:
    """Return those that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def why_not(names: list[str]) -> str:
    """Return why a console without *names* cannot run."""
    return f"the web console needs {' and '.join(names)}, which {'is' if len(names) == 1 else 'are'} not installed"


def remedy(names: list[str]) -> str:
    """Return what installs *names*."""
    return f"pip install {' '.join(names)}"
