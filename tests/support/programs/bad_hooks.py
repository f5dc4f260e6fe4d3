"""Hooks that do what no hook should."""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import sys
import threading
import time
from typing import Any

NEVER = threading.Event()


def blocks(**kwargs: Any) -> bool:
    """Wait for a minute."""
    return NEVER.wait(60)


def spins(**kwargs: Any) -> bool:
    """Keep the interpreter busy for a minute."""
    end_at = time.monotonic() + 60
    while time.monotonic() < end_at:
        pass
    return True


def raises(**kwargs: Any) -> bool:
    """Raise."""
    raise ValueError("boom")


def babbles(**kwargs: Any) -> object:
    """Return nonsense."""

    class Nonsense:
        def __bool__(self) -> bool:
            raise RuntimeError("neither true nor false")

    return Nonsense()


def exits(**kwargs: Any) -> None:
    """Call ``sys.exit``."""
    sys.exit(3)


def ends_its_thread(**kwargs: Any) -> None:
    """End its own thread."""
    _thread.exit()


def kills_its_thread(**kwargs: Any) -> None:
    """End its own thread behind Python's back."""
    ctypes.CDLL(None).pthread_exit(None)


async def never_ends(**kwargs: Any) -> None:
    """Swallow being cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue
