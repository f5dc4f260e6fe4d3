"""Blocking calls beside the loop, each in a thread that ends with it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_SOON: Final = 0.0005  #: seconds


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


async def behind_loop(function: Callable[[], R]) -> R:
    """Do as :func:`in_thread` does with a long computation, and hold up the loop less.

    The interpreter lets a thread go on for 5 ms before another one has its turn; meanwhile that is 0.5 ms.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _SOON))
    try:
        return await in_thread(function)
    finally:
        sys.setswitchinterval(before)


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
