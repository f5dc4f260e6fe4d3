"""Event loops of a program: asyncio's, and tornado's view of them."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from circus_core.errors import LibraryError


def asyncio_loop(loop: Any) -> Any:
    """Return the asyncio loop behind an ``IOLoop``, and any other as it is."""
    return getattr(loop, "asyncio_loop", loop)


def is_default(signum: signal.Signals) -> bool:
    """Return whether the program left a signal to Python and the system."""
    return signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler)


def refuse_running_loop() -> None:
    """Raise :class:`LibraryError` in the thread of a loop that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LibraryError(
        "start() would block the event loop that runs in this thread; give the arbiter loop=..., background=True,"
        " or use `async with Circus(...)`"
    )


def tornado_loop() -> Any:
    """Return tornado's view of the running loop, or of a new one."""
    from tornado.ioloop import IOLoop  # noqa: PLC0415 - only who asks for it pays for its import
    from tornado.platform.asyncio import AsyncIOLoop  # noqa: PLC0415

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return AsyncIOLoop(make_current=False)
    return IOLoop.current()
