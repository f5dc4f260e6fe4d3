"""A program that cancels Circus in the middle of a start: no process is left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from circus_core.embedding import Circus
from tests.support import procs
from tests.support.waiting import wait_for

COMMAND = "sleep 987654"  #: nobody else's
MANY = 400
SOME = 100  #: that run when it is cancelled


def _sleepers() -> list[int]:
    return [pid for pid in procs.children_of(os.getpid()) if procs.is_alive(pid) and procs.command_of(pid) == COMMAND]


async def _cancel_one_task(circus: Circus) -> None:
    starting = asyncio.create_task(circus.start())
    await asyncio.to_thread(wait_for, lambda: len(_sleepers()) >= SOME, "some to run")
    (running,) = (task for task in asyncio.all_tasks() if task.get_name() == "circus")
    running.cancel()
    await asyncio.wait({running, starting})


async def _end_the_loop(circus: Circus) -> None:
    starting = asyncio.create_task(circus.start())
    await asyncio.to_thread(wait_for, lambda: len(_sleepers()) >= SOME, "some to run")
    await asyncio.wait({starting}, timeout=0)  # it is cancelled with all that is left on the loop


@pytest.mark.parametrize("how", [_cancel_one_task, _end_the_loop])
def test_no_process_is_left(how: Callable[[Circus], Awaitable[None]]) -> None:
    async def run() -> None:
        await how(Circus({"name": "web", "cmd": COMMAND, "numprocesses": MANY}))

    asyncio.run(run())

    wait_for(lambda: not _sleepers(), "all processes to end")
