"""One call of a function of a stranger's, under a deadline that it cannot hold up."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from functools import wraps
from typing import Any, Final

from circus_core.quick_dataclass import dataclass

_LOOK_PERIOD: Final = 1.0  #: seconds between two looks whether a thread is still there
_IS_LINUX: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a thread came to. An exception travels as data: a future raises ``SystemExit`` through the loop."""

    value: Any = None
    error: BaseException | None = None


class HookCall:
    """A function that is called under a deadline.

    A coroutine function runs on the loop. Any other runs in a daemon thread of its own, not in the loop's executor,
    whose end would wait for one that hangs. A call that outlives its deadline is left alone in its thread; until it is
    over, further calls fail at once, so that a hook that always hangs costs one thread and not one a call.

    :param take: makes something harmless of what the function returns, where the function runs
    """

    def __init__(self, function: Callable[..., Any], timeout: float, take: Callable[[Any], Any]) -> None:
        self._function = _by_position(function) if _names_differ(function) else function
        self._timeout = timeout
        self._take = take
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may have a coroutine function for its call
        )
        self._overdue: threading.Thread | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, **kwargs: Any) -> Any:
        """Return what is taken of what the function returns.

        :raises TimeoutError: it missed the deadline, or an earlier call that did is not over
        :raises HookExitError: it raised what would end the daemon
        """
        end_at = time.monotonic() + self._timeout
        result = self._function(**kwargs) if self._is_async else await self._in_thread(kwargs)
        if inspect.isawaitable(result):
            result = await self._on_loop(result, end_at - time.monotonic())
        return result

    async def _in_thread(self, kwargs: Mapping[str, Any]) -> Any:
        if self._overdue is not None and _runs(self._overdue):
            raise TimeoutError("an earlier call, which was given up, still runs")
        loop = asyncio.get_running_loop()
        over: asyncio.Future[_Outcome] = loop.create_future()
        thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(_work, self._call, kwargs, loop, over),
            name="circus-hook",
            daemon=True,
        )
        thread.start()
        await self._wait(over, thread)
        outcome = over.result()
        if outcome.error is not None:
            raise _harmless(outcome.error)
        return outcome.value

    def _call(self, **kwargs: Any) -> Any:
        result = self._function(**kwargs)
        return result if inspect.isawaitable(result) else self._take(result)

    async def _wait(self, over: asyncio.Future[_Outcome], thread: threading.Thread) -> None:
        end_at = time.monotonic() + self._timeout
        try:
            while (left := end_at - time.monotonic()) > 0 and not over.done() and _runs(thread):
                await asyncio.wait({over}, timeout=min(left, _LOOK_PERIOD))
            await asyncio.sleep(0)  # a result may be on its way
        finally:
            if not over.done():
                self._overdue = thread
        if over.done():
            return
        if not _runs(thread):
            raise HookExitError("it ended its thread without a result")
        raise TimeoutError(f"no result in {self._timeout:g}s, hook_timeout; it goes on in a thread of its own")

    async def _on_loop(self, awaitable: Awaitable[Any], timeout: float) -> Any:
        task = asyncio.get_running_loop().create_task(_Leashed(_contained(awaitable, self._take)))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            # Not wait_for: that one waits for a coroutine that does not let itself be cancelled.
            await asyncio.wait({task}, timeout=max(0.0, timeout))
        finally:
            task.cancel()
        if not task.done():
            raise TimeoutError(f"no result in {self._timeout:g}s, hook_timeout; cancelled")
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: a late one is nobody's business any more


def _names_differ(function: Callable[..., Any]) -> bool:
    """Return whether a function takes the three documented arguments by position only, as ``hook(w, a, name)`` does."""
    try:
        signature = inspect.signature(function)
        signature.bind_partial(None, None, None)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind_partial(watcher=None, arbiter=None, hook_name=None)
    except TypeError:
        return True
    return False


def _by_position(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*, watcher: Any, arbiter: Any, hook_name: str, **extras: Any) -> Any:
        return function(watcher, arbiter, hook_name, **extras)

    return call


class _Leashed(Coroutine[Any, Any, Any]):
    """A coroutine that can swallow being cancelled once, to clean up; the second time it is closed.

    Else one that swallows it always would hold up the end of the daemon.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner
        self._cancels = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()

    def send(self, value: Any) -> Any:
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._cancels += isinstance(error[0], asyncio.CancelledError)
        if self._cancels > 1:
            self.close()
            raise error[0]
        return self._inner.throw(*error)

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # it swallows that, too
            self._inner.close()


class HookExitError(Exception):
    """A hook raised ``SystemExit`` or the like."""


def _harmless(error: BaseException) -> Exception:
    """Return *error* as one that may be raised on the loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return HookExitError(said)


async def _contained(awaitable: Awaitable[Any], take: Callable[[Any], Any]) -> Any:
    try:
        return take(await awaitable)
    except (SystemExit, KeyboardInterrupt) as exc:
        raise _harmless(exc) from exc


def _runs(thread: threading.Thread) -> bool:
    """Return whether *thread* is there; C code can end one behind Python's back, which then takes it for alive."""
    return thread.is_alive() and (not _IS_LINUX or os.path.exists(f"/proc/self/task/{thread.native_id}"))


def _work(
    function: Callable[..., Any],
    kwargs: Mapping[str, Any],
    loop: asyncio.AbstractEventLoop,
    over: asyncio.Future[_Outcome],
) -> None:
    try:
        outcome = _Outcome(function(**kwargs))
    except BaseException as exc:
        outcome = _Outcome(error=exc)
    try:
        loop.call_soon_threadsafe(_settle, over, outcome)
    except RuntimeError:
        pass  # the loop is closed: nobody waits any more


def _settle(over: asyncio.Future[_Outcome], outcome: _Outcome) -> None:
    if not over.done():
        over.set_result(outcome)
