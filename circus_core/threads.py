"""Blocking calls beside the loop, each in a thread that ends with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what *function* returns, or raise what it raises, while the loop goes on.

    Not the loop's executor: its threads would stay in the program that embeds us, and its end would wait for a call
    that hangs.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[R] = loop.create_future()
    call = partial(function, *args, **kwargs)
    threading.Thread(target=_work, args=(call, loop, over), name="circus-call", daemon=True).start()
    return await over


def _work(call: Callable[[], R], loop: asyncio.AbstractEventLoop, over: asyncio.Future[R]) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(_resolve, over, call())
    except BaseException as exc:
        settle = partial(_reject, over, exc)
    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        pass  # the loop is closed: nobody waits any more


def _resolve(over: asyncio.Future[R], result: R) -> None:
    if not over.done():
        over.set_result(result)


def _reject(over: asyncio.Future[R], error: BaseException) -> None:
    if not over.done():
        over.set_exception(error)
