"""Starting and stopping again and again leaves nothing behind: no descriptor, no thread, no memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Final

import pytest

MODERN: Final = """
async def cycle(number):
    options = {"endpoint": f"ipc://@circus-{os.getpid()}", "pubsub_endpoint": f"ipc://@circus-{os.getpid()}-events"}
    watcher = {"name": "web", "cmd": "sleep 1000", "stdout_stream": {"class": "QueueStream"}}
    async with Circus(watcher, **options) as circus:
        assert circus.statuses() == {"web": "active"}
"""

BACKGROUND: Final = """
async def cycle(number):
    arbiter = get_arbiter(
        {"name": "web", "cmd": "sleep 1000"}, controller=f"ipc://@circus-{os.getpid()}", multicast_endpoint="",
        pubsub_endpoint=f"ipc://@circus-{os.getpid()}-events", background=True,
    )
    arbiter.start()
    assert arbiter.statuses() == {"web": "active"}
    arbiter.stop()
"""

PROGRAM: Final = """
import asyncio, gc, json, os, sys, threading
from circus import get_arbiter
from circus_core.embedding import Circus

CYCLE

def look():
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
        "objects": len(gc.get_objects()), "kilobytes": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
    }

async def main(cycles):
    seen = []
    for number in range(cycles):
        await cycle(number)
        if number % (cycles // 10) == cycles // 10 - 1:
            seen.append(look())
    print(json.dumps(seen))

asyncio.run(main(int(sys.argv[1])))
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("cycle", "count"), [pytest.param(MODERN, 300, id="circus"), pytest.param(BACKGROUND, 150, id="background")]
)
def test_cycles_leave_nothing(cycle: str, count: int) -> None:
    program = PROGRAM.replace("CYCLE", cycle)
    env = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # else the C library has a heap for each of many threads
    command = [sys.executable, "-c", program, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280, env=env)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    early, late = seen[1], seen[-1]
    assert late["descriptors"] <= early["descriptors"]
    assert late["threads"] == early["threads"] == 1
    assert late["objects"] - early["objects"] < 100, growth(early, late)
    # The C library's heap comes and goes in steps of megabytes: what it has at most early on and at least later tells.
    kilobytes = [look["kilobytes"] for look in seen]
    assert min(kilobytes[5:]) - max(kilobytes[:5]) < 2_000, kilobytes


def growth(early: dict[str, Any], late: dict[str, Any]) -> dict[str, Any]:
    return {name: late[name] - early[name] for name in early}
