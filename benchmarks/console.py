"""What the web console costs, and how it feels, with a thousand processes in the page."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import zmq

from benchmarks.devtools import Tab, browser, tab
from benchmarks.peers import NAME, Circus, Peer
from benchmarks.running import Failed, Running, cpu_and_turns, running

COUNT = 1000
WATCHED = 15.0  # seconds
SETTLING = 5.0  # seconds after the last row came
_WATCH_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => { for (const task of list.getEntries()) window.longTasks.push(task.duration); })
  .observe({ type: "longtask", buffered: true });
"""
_PAINT = '(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0)'

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Seen:
    """What a browser saw of one page.

    :param answer: milliseconds to the first byte of the page
    :param paint: milliseconds to the first paint of content
    :param all_rows: milliseconds until every row is there
    :param longest: milliseconds of the longest task once the page is there
    :param busy: milliseconds of tasks above 50 ms in a second of then
    :param cpu: milliseconds of CPU of ``circushttpd`` in a second of then
    :param received: bytes that the page is told in a second of then
    """

    answer: float
    paint: float
    all_rows: float
    longest: float
    busy: float
    cpu: float
    received: float

    def samples(self) -> Samples:
        """Return it as rows of the table."""
        return {
            "console, answer": [self.answer],
            "console, first paint": [self.paint],
            "console, all rows": [self.all_rows],
            "console, longest task": [self.longest],
            "console, circushttpd CPU a second": [self.cpu],
            "console, told a second": [self.received / 1024],
        }


def with_place_for_statistics(peer: Peer) -> AbstractContextManager[Running]:
    """Run a circus for which we publish statistics."""
    assert isinstance(peer, Circus)
    return running(peer.with_place_for_statistics(), COUNT)


def console(run: Running) -> Samples:
    """Open the page of a watcher of 1000 processes whose figures all change every second, and leave it open."""
    with (
        _published(run),
        _console(run) as (link, pid),
        browser() as address,
    ):
        seen = asyncio.run(_look(address, link, f"watcher?name={NAME}", "p:", pid))
    return seen.samples()


@contextmanager
def _published(run: Running) -> Iterator[None]:
    """Publish what ``circusd-stats`` would of processes that are busy, once a second, while this lasts."""
    is_over = threading.Event()

    def publish() -> None:
        with zmq.Context() as context, context.socket(zmq.PUB) as socket:
            socket.linger, socket.sndhwm = 0, 0
            socket.bind(f"ipc://{run.home}/stats")
            pids = [child.pid for child in run.began]
            while not is_over.wait(1.0):
                for pid in pids:
                    cpu, mem = round(random.uniform(0, 20), 1), round(random.uniform(0, 0.1), 3)
                    socket.send_multipart([f"stat.{NAME}.{pid}".encode(), json.dumps(_info(pid, cpu, mem)).encode()])
                sums = {"pid": pids, "cpu": 10.0, "mem": 50.0, "name": NAME}
                socket.send_multipart([f"stat.{NAME}".encode(), json.dumps(sums).encode()])

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _info(pid: int, cpu: float, mem: float) -> dict[str, object]:
    size = {"mem_info1": f"{random.uniform(1, 99):.2f}M", "mem_info2": "1.00M"}
    names = {"name": NAME, "cmdline": "child", "username": "root", "nice": 0, "children": []}
    return {
        "subtopic": pid,
        "pid": pid,
        "cpu": cpu,
        "mem": mem,
        **size,
        "ctime": "0:01.2",
        "age": 1.0,
        "create_time": 0.0,
        **names,
    }


@contextmanager
def _console(run: Running) -> Iterator[tuple[str, int]]:
    """Run ``circushttpd`` for the daemon; yield its link, and its pid."""
    out = run.home / "console.out"
    words = [sys.executable, "-m", "circus_web", "--port", "0", "--endpoint", f"ipc://{run.home}/ctl"]
    with out.open("wb") as said:
        env = {**os.environ, "XDG_STATE_HOME": str(run.home)}
        program = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env)
    try:
        yield _link(out), program.pid
    finally:
        program.terminate()
        program.wait(20)


def _link(out: Path) -> str:
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        if found := re.search(r"Open (\S+)", out.read_text()):
            return found[1]
        time.sleep(0.05)
    raise Failed(f"circushttpd does not start: {out.read_text()[-500:]}")


async def _look(address: str, link: str, path: str, rows: str, pid: int) -> Seen:
    root = link.partition("login?")[0]
    async with tab(address) as page:
        await page.send("Page.addScriptToEvaluateOnNewDocument", source=_WATCH_TASKS)
        await page.send("Page.navigate", url=link)
        await page.wait('document.querySelectorAll("[data-row]").length > 0')
        await asyncio.sleep(SETTLING)
        await page.send("Page.navigate", url=f"{root}{path}")
        count = f"document.querySelectorAll('[data-row^=\"{rows}\"]').length"
        await page.wait(f"location.href.endsWith({path!r}) && {_PAINT} > 0")
        answer = await page.run("performance.getEntriesByType('navigation')[0].responseStart")
        paint = await page.run(_PAINT)
        await page.wait(f"{count} >= {COUNT}")
        all_rows = await page.run("performance.now()")
        await page.wait('document.body.dataset.way === "live"')
        await asyncio.sleep(SETTLING)
        return await _watch(page, pid, answer, paint, all_rows)


async def _watch(page: Tab, pid: int, answer: float, paint: float, all_rows: float) -> Seen:
    await page.run("window.longTasks.length = 0")
    page.frames.clear()
    before = cpu_and_turns([pid])[0]
    await asyncio.sleep(WATCHED)
    cpu = cpu_and_turns([pid])[0] - before
    tasks = await page.run("window.longTasks") or [0.0]
    if not page.frames:
        raise Failed("the page is told nothing")
    received = sum(page.frames) / WATCHED
    return Seen(answer, paint, all_rows, max(tasks), sum(tasks) / WATCHED, cpu / WATCHED, received)
