"""POSIX signals become calls on the loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from circus_core._signals import SignalHandler

TERM, HUP = signal.SIGTERM, signal.SIGHUP


async def heard(calls: asyncio.Queue[str]) -> str:
    return await asyncio.wait_for(calls.get(), 5)


@pytest.fixture
def calls() -> asyncio.Queue[str]:
    return asyncio.Queue()


def requests(calls: asyncio.Queue[str]) -> dict[signal.Signals, Callable[[], object]]:
    return {TERM: lambda: calls.put_nowait("quit"), HUP: lambda: calls.put_nowait("reload")}


def test_a_signal_becomes_a_call(calls: asyncio.Queue[str]) -> None:
    async def main() -> None:
        handler = SignalHandler(asyncio.get_running_loop(), requests(calls))
        handler.ready()
        signal.raise_signal(TERM)
        assert calls.empty(), "not in the middle of other code"
        assert await heard(calls) == "quit"
        signal.raise_signal(HUP)
        assert await heard(calls) == "reload"
        handler.close()

    asyncio.run(main())


def test_what_comes_too_early_waits_in_order(calls: asyncio.Queue[str]) -> None:
    async def main() -> None:
        handler = SignalHandler(asyncio.get_running_loop(), requests(calls))
        signal.raise_signal(HUP)
        await asyncio.sleep(0)
        signal.raise_signal(TERM)
        for _ in range(5):
            await asyncio.sleep(0)
        assert calls.empty()
        handler.ready()
        assert [await heard(calls), await heard(calls)] == ["reload", "quit"]
        handler.close()

    asyncio.run(main())


def test_closing_restores_what_was_there() -> None:
    before = signal.signal(HUP, signal.SIG_IGN)
    try:

        async def main() -> None:
            handler = SignalHandler(asyncio.get_running_loop(), {HUP: lambda: None})
            assert signal.getsignal(HUP) is not signal.SIG_IGN
            handler.close()
            handler.close()

        asyncio.run(main())
        assert signal.getsignal(HUP) is signal.SIG_IGN
    finally:
        signal.signal(HUP, before)
