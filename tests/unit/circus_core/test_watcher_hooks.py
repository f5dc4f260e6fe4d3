"""The rules of the hooks that a watcher's options name."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from circus_core.errors import CommandFailedError
from circus_core.events import Event, HookFailed, HookSucceeded
from circus_core.hooks import WatcherHooks
from circus_core.options import HookConfig

TOLERANT = ["before_stop", "after_stop", "before_signal", "after_signal", "before_reap", "after_reap"]
STRICT = ["before_start", "after_start", "before_spawn", "after_spawn"]

Target = Callable[..., Any]


class Bench:
    """A watcher's hooks with all that they are given."""

    def __init__(self, *, timeout: float = 20.0, ignore: bool = False, **targets: Target) -> None:
        self.events: list[Event] = []
        config = SimpleNamespace(
            name="web", hook_timeout=timeout, hooks={name: HookConfig(t, ignore) for name, t in targets.items()}
        )
        self.hooks = WatcherHooks(
            config,  # type: ignore[arg-type]  # has what is read of it
            registry=SimpleNamespace(hook=lambda target: target),  # type: ignore[arg-type]  # likewise
            publish=self.events.append,
            watcher="the watcher",  # type: ignore[arg-type]  # passed on
            arbiter="the arbiter",  # type: ignore[arg-type]  # passed on
        )

    @classmethod
    def of(cls, name: str, target: Target, *, ignore: bool = False) -> Bench:
        """Return one with the hook *name*."""
        targets: dict[str, Any] = {name: target}
        return cls(ignore=ignore, **targets)

    def call(self, name: str, **extras: Any) -> bool:
        return asyncio.run(self.hooks.call(name, **extras))

    @property
    def errors(self) -> list[str]:
        return [event.error for event in self.events if isinstance(event, HookFailed)]


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def returns(value: object) -> Target:
    return lambda **_: value


def raises(error: BaseException) -> Target:
    def hook(**_: Any) -> None:
        raise error

    return hook


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Ends the hooks that hang, at the latest with the test."""
    event = threading.Event()
    yield event
    event.set()


def test_watcher_without_hooks_goes_on() -> None:
    bench = Bench()

    assert not bench.hooks.calls("before_start")
    assert bench.call("before_start")
    assert bench.events == []


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_hook_is_given_the_documented_keywords(is_async: bool) -> None:
    given: list[dict[str, Any]] = []

    def sync(**kwargs: Any) -> bool:
        given.append(kwargs)
        return True

    async def coroutine(**kwargs: Any) -> bool:
        return sync(**kwargs)

    bench = Bench(after_spawn=coroutine if is_async else sync)

    assert bench.hooks.calls("after_spawn")
    assert bench.call("after_spawn", pid=7)
    assert given == [{"watcher": "the watcher", "arbiter": "the arbiter", "hook_name": "after_spawn", "pid": 7}]
    assert [(type(e), e.watcher) for e in bench.events] == [(HookSucceeded, "web")]


def by_other_names(w: object, a: object, name: str) -> object:
    return (w, a, name) == ("the watcher", "the arbiter", "after_start")


async def coroutine_by_other_names(w: object, a: object, name: str) -> object:
    return by_other_names(w, a, name)


@pytest.mark.parametrize(
    "hook",
    [
        pytest.param(by_other_names, id="function"),
        pytest.param(coroutine_by_other_names, id="coroutine"),
        pytest.param(lambda *args: args[2] == "after_start", id="any-number"),
        pytest.param(lambda w, arbiter, hook_name: hook_name == "after_start", id="one-name-differs"),
        pytest.param(lambda *args, **kwargs: kwargs["hook_name"] == "after_start" and not args, id="anything"),
    ],
)
def test_hook_that_names_its_arguments_otherwise_is_given_them_by_position(hook: Target) -> None:
    assert Bench(after_start=hook).call("after_start")


def test_hook_by_position_is_given_the_keywords_of_its_kind() -> None:
    assert Bench(after_spawn=lambda w, a, n, pid: pid == 7).call("after_spawn", pid=7)


@pytest.mark.parametrize(("value", "goes_on"), [(True, True), ("yes", True), (False, False), (None, False), (0, False)])
@pytest.mark.parametrize("name", STRICT + TOLERANT)
def test_falsy_result_refuses_and_is_a_success_all_the_same(name: str, value: object, goes_on: bool) -> None:
    bench = Bench.of(name, returns(value))

    assert bench.call(name) is goes_on
    assert [type(event) for event in bench.events] == [HookSucceeded]


@pytest.mark.parametrize("name", STRICT + TOLERANT)
@pytest.mark.parametrize("ignore", [False, True], ids=["no-flag", "flag"])
def test_exception_refuses_unless_flag_or_kind_say_otherwise(name: str, ignore: bool) -> None:
    bench = Bench.of(name, raises(ValueError("boom")), ignore=ignore)

    assert bench.hooks.verdict(name) == f"hook {name} refused"
    assert bench.call(name) is (ignore or name in TOLERANT)
    assert bench.hooks.verdict(name) == f"hook {name} failed: boom"
    assert [event.payload()["error"] for event in bench.events] == ["boom"]


class Nonsense:
    """Is neither true nor false."""

    def __bool__(self) -> bool:
        raise RuntimeError("neither")


class SpeechlessError(Exception):
    """Cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


async def nonsense(**_: Any) -> object:
    return Nonsense()


async def exits(**_: Any) -> None:
    sys.exit(3)


@pytest.mark.parametrize(
    ("hook", "error"),
    [
        pytest.param(raises(SystemExit(2)), "SystemExit: 2", id="exit"),
        pytest.param(raises(KeyboardInterrupt()), "KeyboardInterrupt", id="interrupt"),
        pytest.param(raises(StopIteration()), "StopIteration", id="stop-iteration"),
        pytest.param(lambda **_: _thread.exit(), "SystemExit", id="ends-its-thread"),
        pytest.param(exits, "SystemExit: 3", id="exit-in-a-coroutine"),
        pytest.param(lambda: True, "unexpected keyword", id="wrong-signature"),
        pytest.param(raises(ValueError()), "ValueError", id="nothing-to-say"),
        pytest.param(lambda **_: exits(), "SystemExit: 3", id="coroutine-from-a-function"),
        pytest.param(returns(Nonsense()), "neither", id="nonsense"),
        pytest.param(nonsense, "neither", id="nonsense-from-a-coroutine"),
        pytest.param(raises(SpeechlessError()), "SpeechlessError", id="cannot-be-written"),
    ],
)
def test_nothing_that_a_hook_raises_goes_further(hook: Target, error: str) -> None:
    bench = Bench(before_start=hook)

    assert bench.call("before_start") is False
    assert error in bench.errors[0]


def test_awaitable_that_a_plain_function_returns_is_awaited() -> None:
    async def coroutine(**_: Any) -> bool:
        await asyncio.sleep(0)
        return True

    def plain(**kwargs: Any) -> Coroutine[Any, Any, bool]:
        return coroutine(**kwargs)

    assert Bench(before_start=plain).call("before_start")


def test_function_that_hangs_counts_as_failed_and_costs_one_thread(release: threading.Event) -> None:
    threads: list[threading.Thread] = []
    has_begun = threading.Event()

    def hangs(**_: Any) -> bool:
        threads.append(threading.current_thread())
        has_begun.set()
        return release.wait(60)

    bench = Bench(timeout=0.05, before_start=hangs)

    assert bench.call("before_start") is False
    assert bench.call("before_start") is False
    assert len(threads) == 1
    assert bench.errors == [
        "no result in 0.05s, hook_timeout; it goes on in a thread of its own",
        "an earlier call, which was given up, still runs",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_hook_that_ends_its_thread_behind_pythons_back_fails_soon_and_is_called_again() -> None:
    calls: list[str] = []

    def ends_its_thread(**_: Any) -> bool:
        calls.append("called")
        if len(calls) == 1:
            ctypes.CDLL(None).pthread_exit(None)
        return True

    bench = Bench(timeout=60, before_start=ends_its_thread)

    assert bench.call("before_start") is False
    assert bench.call("before_start") is True
    assert bench.errors == ["it ended its thread without a result"]


def test_hook_is_called_again_once_the_late_call_is_over(release: threading.Event) -> None:
    threads: list[threading.Thread] = []

    def hook(**_: Any) -> bool:
        threads.append(threading.current_thread())
        return len(threads) > 1 or release.wait(60)

    bench = Bench(timeout=0.5, before_start=hook)
    assert bench.call("before_start") is False
    release.set()
    threads[0].join(10)

    assert bench.call("before_start") is True


def test_hook_that_hangs_does_not_hold_up_the_loop(release: threading.Event) -> None:
    bench = Bench(before_start=lambda **_: release.wait(60), after_start=returns(True))

    async def both() -> bool:
        hung = asyncio.create_task(bench.hooks.call("before_start"))
        other = await bench.hooks.call("after_start")
        assert not hung.done()
        release.set()
        return other and await hung

    assert run(both())


def test_coroutine_that_hangs_is_cancelled_and_counts_as_failed() -> None:
    ends: list[str] = []

    async def hook(**_: Any) -> bool:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cancelled")
        return True

    bench = Bench(timeout=0.05, after_start=hook)

    assert bench.call("after_start") is False
    assert bench.errors == ["no result in 0.05s, hook_timeout; cancelled"]
    assert ends == ["cancelled"]


def test_coroutine_that_refuses_to_be_cancelled_does_not_hold_up_its_caller() -> None:
    async def stubborn(**_: Any) -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
        raise ValueError("late")

    bench = Bench(timeout=0.05, after_start=stubborn)

    assert bench.call("after_start") is False
    assert bench.errors == ["no result in 0.05s, hook_timeout; cancelled"]


def test_coroutine_that_is_never_to_be_cancelled_does_not_hold_up_the_end_of_the_loop() -> None:
    async def immortal(**_: Any) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    assert Bench(timeout=0.05, after_start=immortal).call("after_start") is False


def test_cancelled_call_cancels_its_coroutine() -> None:
    ends: list[str] = []

    async def cancel() -> None:
        has_begun = asyncio.Event()

        async def hook(**_: Any) -> None:
            has_begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                ends.append("cancelled")

        bench = Bench(after_start=hook)
        task = asyncio.create_task(bench.hooks.call("after_start"))
        await has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.events == []

    run(cancel())
    assert ends == ["cancelled"]


def test_calls_at_the_same_time_are_all_made(release: threading.Event) -> None:
    bench = Bench(before_signal=lambda **_: release.wait(60))

    async def call_twice() -> list[bool]:
        calls = [asyncio.create_task(bench.hooks.call("before_signal")) for _ in range(2)]
        await asyncio.wait(calls, timeout=0.05)
        release.set()
        return await asyncio.gather(*calls)

    assert run(call_twice()) == [True, True]


def test_cancelled_call_costs_one_thread_however_often(release: threading.Event) -> None:
    threads: list[threading.Thread] = []
    has_begun = threading.Event()

    def hangs(**_: Any) -> bool:
        threads.append(threading.current_thread())
        has_begun.set()
        return release.wait(60)

    bench = Bench(before_start=hangs)

    async def cancel() -> None:
        for _ in range(3):
            task = asyncio.create_task(bench.hooks.call("before_start"))
            await asyncio.to_thread(has_begun.wait, 60)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(cancel())
    assert len(threads) == 1


def test_stats_hook_adds_figures_and_no_event_tells() -> None:
    def hook(stats: dict[str, Any], pid: int, **_: Any) -> None:
        stats["double"] = 2 * pid

    bench = Bench(extended_stats=hook)
    stats = {"cpu": 1.0}
    run(bench.hooks.extend_stats(21, stats))

    assert stats == {"cpu": 1.0, "double": 42}
    assert bench.events == []


def test_stats_hook_that_raises_fails_the_command_and_leaves_the_figures() -> None:
    def hook(stats: dict[str, Any], **_: Any) -> None:
        stats["half"] = 1
        raise ValueError("boom")

    bench = Bench(extended_stats=hook)
    stats: dict[str, Any] = {}
    with pytest.raises(CommandFailedError, match="hook extended_stats of watcher 'web' failed: boom"):
        run(bench.hooks.extend_stats(21, stats))
    assert stats == {}
    run(Bench(ignore=True, extended_stats=hook).hooks.extend_stats(21, stats))
    assert stats == {}


def test_watcher_without_stats_hook_leaves_the_figures() -> None:
    stats = {"cpu": 1.0}
    run(Bench().hooks.extend_stats(21, stats))
    assert stats == {"cpu": 1.0}
