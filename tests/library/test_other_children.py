"""A program that has children of its own: Circus takes the exit status of none of them, and loses none of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from circus import get_arbiter
from circus_core.embedding import Circus
from tests.support.waiting import wait_for

ROUNDS = 20
BUSY = {"name": "web", "cmd": "sleep 1000", "numprocesses": 4}


def _exit(code: int) -> None:
    sys.exit(code)


async def _kill_often(circus: Circus) -> int:
    """Kill a process of Circus again and again, and return how many were replaced."""
    web = circus.arbiter.watcher("web")
    for _ in range(ROUNDS):
        victim = web.processes()[0].pid
        os.kill(victim, signal.SIGKILL)
        await asyncio.to_thread(_wait_for_others, web, victim)
    return web.report().restarts


def _wait_for_others(watcher: Any, victim: int) -> None:
    wait_for(lambda: len(pids := _pids(watcher)) == 4 and victim not in pids, "a new process")


def _pids(watcher: Any) -> set[int]:
    return {process.pid for process in watcher.processes()}


async def _asyncio_children() -> list[int | None]:
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", f"raise SystemExit({code})") for code in range(10)
    ]
    return [await child.wait() for child in children]


def _subprocess_children() -> list[int]:
    children = [subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) for code in range(10)]
    return [child.wait() for child in children]


def _multiprocessing_children(kind: str) -> list[int | None]:
    context: Any = multiprocessing.get_context(kind)
    children = [context.Process(target=_exit, args=(code,)) for code in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return [child.exitcode for child in children]


def _pool() -> list[int]:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(abs, range(-10, 0))
        pool.close()
        pool.join()
    return found


def _raw_children() -> list[int]:
    """Fork by hand, and wait for any child: the program's right."""
    pids = {os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], os.environ): code for code in range(5)}
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) - code for pid, code in pids.items()]


def test_every_exit_status_reaches_its_owner() -> None:
    async def main() -> None:
        async with Circus(BUSY, check_delay=0.1) as circus:  # which limits the pause before what died young
            results = await asyncio.gather(
                _kill_often(circus),
                _asyncio_children(),
                asyncio.to_thread(_subprocess_children),
                asyncio.to_thread(_multiprocessing_children, "spawn"),
                asyncio.to_thread(_raw_children),
            )
        assert list(results) == [ROUNDS, list(range(10)), list(range(10)), [0, 1, 2, 3], [0] * 5]

    asyncio.run(main())
    _end_resource_tracker()


def test_a_pool_of_processes_works_beside_an_arbiter_in_the_background() -> None:
    arbiter = get_arbiter(
        [dict(BUSY)],
        controller=f"ipc://@circus-other-children-{os.getpid()}",
        pubsub_endpoint=f"ipc://@circus-other-children-{os.getpid()}-events",
        multicast_endpoint="",
        background=True,
    )
    arbiter.start()
    try:
        assert _pool() == list(range(10, 0, -1))
        assert arbiter.numprocesses() == 4
    finally:
        arbiter.stop()
    _end_resource_tracker()


def test_program_that_waits_for_any_child_does_not_stop_supervision() -> None:
    """It takes the status of our child; the death is seen all the same, with an exit code that nobody knows."""

    async def main() -> None:
        async with Circus({**BUSY, "numprocesses": 1}) as circus:
            web = circus.arbiter.watcher("web")
            (victim,) = _pids(web)
            taken: list[int] = []

            def take() -> None:
                with contextlib.suppress(ChildProcessError):  # nobody is left: Circus was faster with all of them
                    while victim not in taken:
                        taken.append(os.waitpid(-1, 0)[0])

            thief = threading.Thread(target=take)
            thief.start()
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(wait_for, lambda: _pids(web) not in ({victim}, set()), "a new process")
            # Whoever was faster has it: ours or the thief, which then waits for the next one to end.
            if thief.is_alive():
                taken.append(victim)
                await asyncio.to_thread(os.posix_spawn, "/bin/true", ["true"], {})
            report = web.report()
            assert report.last_exit is not None
            assert report.last_exit["exit_code"] in (None, -signal.SIGKILL)
        await asyncio.to_thread(thief.join, 10)

    asyncio.run(main())


def _end_resource_tracker() -> None:
    """End the process that multiprocessing keeps for itself."""
    gc.collect()
    from multiprocessing import resource_tracker

    tracker: Any = resource_tracker._resource_tracker
    tracker._stop()
