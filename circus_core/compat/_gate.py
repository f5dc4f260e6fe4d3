"""The way to objects of the loop's thread, from that thread and from others."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, NoReturn, TypeVar

from circus_core.errors import LibraryError
from circus_core.faces import hook_of

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE: Final = 30.0  #: seconds that another thread waits for the loop to look

Future = Any
"""What a change gives back: a future of asyncio on the loop's thread, one of ``concurrent.futures`` in any other."""


class Gate:
    """Makes calls on the loop's thread, once it is open; until then, and after, in the thread that asks.

    What reads is waited for, what changes only until it is accepted.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """Let the running loop and its thread be the ones."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def close(self) -> None:
        """Make calls where they come from again."""
        self._loop = None

    def call(self, function: Callable[[], R]) -> R:
        """Return what *function* returns, or raise what it raises."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            return function()
        over: concurrent.futures.Future[R] = concurrent.futures.Future()
        limit = time.monotonic() + _PATIENCE
        try:
            loop.call_soon_threadsafe(_settle, over, function)
        except RuntimeError as exc:
            raise LibraryError("the arbiter has ended") from exc
        while not concurrent.futures.wait([over], timeout=0.5).done:
            if loop.is_closed():
                raise LibraryError("the arbiter has ended")
            if time.monotonic() > limit:
                raise LibraryError(f"the arbiter's loop did not answer in {_PATIENCE:g}s; what blocks it?")
        return over.result()

    def post(self, function: Callable[[], object]) -> None:
        """Have a call made soon; none is made when it is too late."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread:
            function()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(function)

    def change(self, begin: Callable[[], Awaitable[T]], shape: Callable[[T], Any], about: object = None) -> Future:
        """Begin a change, which may raise at once, and return what comes to its outcome.

        :param shape: from what the change comes to, to the result of the future
        :param about: the core's watcher that it is of; ``None`` for all of them
        """
        change = self.call(lambda: self._begun(begin()))
        hook = hook_of.get()
        forbidden = hook is not None and about in (None, hook)
        loop = self._loop
        if loop is not None and threading.get_ident() != self._thread:
            return _Refused() if forbidden else asyncio.run_coroutine_threadsafe(_finish(change, shape), loop)
        if forbidden:
            return _RefusedOnLoop(loop=loop)
        return self._keep(_finish(change, shape))

    def _begun(self, change: Awaitable[T]) -> Awaitable[T]:
        """Return a change that goes on whether it is awaited or not."""
        return self._keep(change) if inspect.iscoroutine(change) else change

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: nobody has to wait for a change


def done(result: Any = None) -> Future:
    """Return a future that has come to *result* already, for the loop that runs, or for no loop."""
    try:
        future: Future = asyncio.get_running_loop().create_future()
    except RuntimeError:
        future = concurrent.futures.Future()
    future.set_result(result)
    return future


async def _finish(change: Awaitable[T], shape: Callable[[T], Any]) -> Any:
    return shape(await change)


def _settle(over: concurrent.futures.Future[R], function: Callable[[], R]) -> None:
    try:
        over.set_result(function())
    except Exception as exc:
        over.set_exception(exc)


def _refuse(*_: object) -> NoReturn:
    raise LibraryError(
        "a hook cannot wait for a change of its own watcher, which waits for the hook; return, and it goes on"
    )


class _Refused(concurrent.futures.Future[Any]):
    """A change that goes on once the hook has returned, for a hook in a thread."""

    def result(self, timeout: float | None = None) -> Any:
        _refuse()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        _refuse()


class _RefusedOnLoop(asyncio.Future[Any]):
    """The same for a coroutine."""

    def __await__(self) -> Generator[Any, None, Any]:
        _refuse()

    __iter__ = __await__
