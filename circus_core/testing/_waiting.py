"""Waiting for a condition, the only way that a test waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds that a wait may take by default: on a busy machine all takes longer, and one that succeeds costs no more."""


def wait_for(probe: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
    """Return the first truthy result of *probe*; fail naming *what* and the last result."""
    __tracebackhide__ = True
    limit = time.monotonic() + timeout
    while not (result := probe()):
        if time.monotonic() > limit:
            pytest.fail(f"waited {timeout:g}s for {what}; last seen: {result!r}")
        time.sleep(0.02)
    return result
