"""The loop of the feeds ends when the console does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from circus_web.loop_thread import LoopThread


@pytest.mark.timeout(30)
def test_what_survives_that_it_is_cancelled_is_cancelled_again() -> None:
    runs = threading.Event()
    cancelled: list[str] = []

    async def stubborn() -> None:
        for _ in range(2):
            try:
                runs.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append("cancelled")

    thread = LoopThread()
    tasks: list[asyncio.Task[None]] = []
    thread.post(lambda: tasks.append(thread.loop.create_task(stubborn())))
    assert runs.wait(10)

    thread.close()

    assert cancelled == ["cancelled", "cancelled"]
