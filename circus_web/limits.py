"""How often something may be tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_MAX_KNOWN: Final = 10_000


class Bucket:
    """Lets *burst* tries through at once, then one every *pause* seconds.

    :param clock: tells seconds
    """

    def __init__(self, burst: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._pause = pause
        self._clock = clock
        self._left = float(burst)
        self._seen_at = clock()

    def wait(self) -> float:
        """Return how many seconds there are to wait before the next try, 0 when it may be now."""
        now = self._clock()
        self._left = min(float(self._burst), self._left + (now - self._seen_at) / self._pause)
        self._seen_at = now
        return 0.0 if self._left >= 1 else (1 - self._left) * self._pause

    def spend(self) -> None:
        """Count a try."""
        self._left -= 1

    def refund(self) -> None:
        """Count a try less."""
        self._left += 1

    @property
    def is_full(self) -> bool:
        """Whether it forgot every try."""
        return self.wait() == 0.0 and self._left >= self._burst


class LoginLimit:
    """Slows down who guesses: each client for itself, and all of them together. For any thread.

    :param clock: tells seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: dict[str, Bucket] = {}
        self._all = Bucket(burst=50, pause=2.0, clock=clock)

    def begin(self, client: str) -> float:
        """Count a try of *client*, or return the seconds that it has to wait."""
        with self._lock:
            self._forget()
            bucket = self._clients.setdefault(client, Bucket(burst=5, pause=12.0, clock=self._clock))
            wait = max(bucket.wait(), self._all.wait())
            if not wait:
                bucket.spend()
                self._all.spend()
            return wait

    def succeeded(self, client: str) -> None:
        """Forget the tries of *client*, who knew the password."""
        with self._lock:
            self._clients.pop(client, None)
            self._all.refund()

    def _forget(self) -> None:
        if len(self._clients) >= _MAX_KNOWN:
            self._clients = {client: bucket for client, bucket in self._clients.items() if not bucket.is_full}
