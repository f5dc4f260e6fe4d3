"""A daemon that hangs, or is slow to be reached, holds up nobody but those who look at it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import quote

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.support.console import ConsoleServer, Visitor
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import watcher
from tests.support.waiting import wait_for

QUICK = 2.5  #: seconds; far less than anybody waits for a daemon that hangs


@pytest.fixture
def other(daemon: Daemon, which_circusd: Flavour) -> Iterator[Daemon]:
    """A second daemon, with the watcher ``theirs``, beside the first, with the watcher ``web``."""
    daemon.start(watcher("web"))
    other = Daemon(which_circusd)
    other.start(watcher("theirs"))
    yield other
    other.close()


@pytest.fixture
def both(daemon: Daemon, other: Daemon, console: ConsoleServer) -> tuple[Visitor, Visitor]:
    """Somebody who looks at the first daemon, and somebody who looks at the second."""
    console.start("--endpoint", other.endpoint)
    visitors = console.logged_in(), console.logged_in()
    for visitor, chosen in zip(visitors, (daemon, other), strict=True):
        assert visitor.post("/connect", {"endpoint": chosen.endpoint}).status == 303
        assert visitor.get("/").status == 200
    return visitors


def seconds_for(visitor: Visitor, path: str, status: int = 200) -> float:
    """Return how long a page takes that has that status."""
    before = time.monotonic()
    assert visitor.get(path).status == status
    return time.monotonic() - before


@contextmanager
def hanging(daemon: Daemon) -> Iterator[None]:
    """Stop the daemon in its tracks while this lasts."""
    os.kill(daemon.arbiter, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon.arbiter, signal.SIGCONT)


@contextmanager
def crowd(visitor: Visitor, count: int = 30) -> Iterator[list[int]]:
    """Have many press a button at once; yield the status of each answer, as they come."""
    token = visitor.csrf()
    statuses: list[int] = []

    def press() -> None:
        form = {"do": "incr", "name": "web"}
        answer = visitor.post("/do", form, csrf=token, headers={"Accept": "application/json"})
        statuses.append(answer.status)

    threads = [threading.Thread(target=press) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        for thread in threads:
            thread.join()


async def _listen(visitor: Visitor, until: threading.Event, heard: list[float]) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    url = f"{visitor.url.replace('http', 'ws', 1)}live?c=index:&since="
    connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies, "Origin": visitor.origin}))
    while not until.is_set():
        reading = asyncio.ensure_future(connection.read_message())
        while not reading.done() and not until.is_set():
            await asyncio.wait([reading], timeout=0.1)
        if reading.done():
            assert json.loads(str(reading.result()))["up"] is True
            heard.append(time.monotonic())
        else:
            reading.cancel()
    connection.close()


@contextmanager
def listening(visitor: Visitor) -> Iterator[list[float]]:
    """Yield when messages came over a WebSocket, while this lasts."""
    until = threading.Event()
    heard: list[float] = []
    thread = threading.Thread(target=lambda: asyncio.run(_listen(visitor, until, heard)))
    thread.start()
    try:
        wait_for(lambda: heard, "the first message")
        yield heard
    finally:
        until.set()
        thread.join()


def test_hanging_daemon_holds_up_neither_pages_nor_sockets_of_another(
    daemon: Daemon, both: tuple[Visitor, Visitor]
) -> None:
    stuck, free = both
    with listening(free) as heard, hanging(daemon), crowd(stuck) as answers:
        begun = time.monotonic()
        waits = []
        while time.monotonic() < begun + 4:
            waits.append(seconds_for(free, "/"))
            threading.Event().wait(0.05)
        over = time.monotonic()
    # The typical one: a single one may be slow on a busy machine. One that is held up takes most of the time.
    assert statistics.median(waits) < QUICK
    times = [begun, *(moment for moment in heard if begun < moment < over), over]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert statistics.median(gaps) < QUICK, "a message every second or so"
    assert set(answers) <= {200, 503}
    assert 503 in answers


def test_who_looks_at_a_hanging_daemon_is_told_so(daemon: Daemon, both: tuple[Visitor, Visitor]) -> None:
    stuck, _ = both
    with hanging(daemon):
        answer = wait_for(lambda: (a := stuck.get("/")).status == 503 and a, "the console to notice")
        assert f"circusd does not answer at {daemon.endpoint}" in answer.body.replace("&#47;", "/")
        assert "<form" in answer.body and "connect" in answer.body
        quickest = min(seconds_for(stuck, "/watcher?name=web", 503) for _ in range(3))
        assert quickest < QUICK, "what is known to hang is not waited for again"
        told = stuck.get(f"/poll?since={quote(json.dumps({'index:': ''}))}", headers={"Accept": "application/json"})
        assert told.json[0]["up"] is False and "does not answer" in told.json[0]["why"]  # type: ignore[index]
    wait_for(lambda: stuck.get("/").status == 200, "the console to find it again")


def test_form_to_a_hanging_daemon_comes_back_with_a_message(daemon: Daemon, both: tuple[Visitor, Visitor]) -> None:
    stuck, _ = both
    token = stuck.csrf()
    with hanging(daemon):
        answer = stuck.post("/add", {"name": "new", "cmd": "sleep 1"}, csrf=token)
        assert answer.status == 503
        assert "does not answer" in answer.body
    wait_for(lambda: stuck.get("/").status == 200, "the console to find it again")


def test_ssh_that_takes_long_holds_up_nobody(daemon: Daemon, console: ConsoleServer) -> None:
    """The tunnel is made beside the loop: the connect page, and all others, are answered meanwhile."""
    daemon.start(watcher("web"))
    folder = daemon.home / "bin"
    folder.mkdir()
    (folder / "ssh").write_text("#!/bin/sh\nexec cat\n")
    (folder / "ssh").chmod(0o755)
    console.start("--ssh", "nobody@203.0.113.1", env={"PATH": f"{folder}:/usr/bin:/bin"})
    visitor = console.logged_in()
    first = threading.Thread(target=visitor.get, args=("/",))
    first.start()
    assert min(seconds_for(visitor, "/connect") for _ in range(3)) < QUICK
    assert visitor.get("/").status == 503
    first.join()
