"""A clock that a test owns."""

from __future__ import annotations


class FakeClock:
    """Reads like ``time.monotonic``; time passes when the test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
