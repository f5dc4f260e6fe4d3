"""Helpers of programs that run on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tornado.ioloop import PeriodicCallback as AsyncPeriodicCallback

__all__ = ["AsyncPeriodicCallback", "TransformableFuture", "tornado_sleep"]


def tornado_sleep(duration: float) -> asyncio.Future[None]:
    """Return what comes after *duration* seconds."""
    return asyncio.get_running_loop().create_task(asyncio.sleep(duration))


class TransformableFuture(asyncio.Future[Any]):
    """Comes to what another future comes to, changed by a function."""

    def __init__(self, *, loop: Any = None) -> None:
        super().__init__(loop=loop)
        self._change: Callable[[Any], Any] = lambda result: result

    def set_transform_function(self, fn: Callable[[Any], Any]) -> None:
        """Let *fn* make the result."""
        self._change = fn

    def set_upstream_future(self, upstream: asyncio.Future[Any]) -> None:
        """Wait for *upstream*."""
        upstream.add_done_callback(self._take)

    def _take(self, upstream: asyncio.Future[Any]) -> None:
        if self.done():
            return
        if upstream.cancelled():
            self.cancel()
            return
        error = upstream.exception()
        if error is not None:
            self.set_exception(error)
        else:
            self.set_result(self._change(upstream.result()))
