"""One browser and one daemon for all of these tests; each person starts with an empty window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import StorageState, sync_playwright

from tests.support import procs
from tests.support.browser import Chromium, Person
from tests.support.console import ConsoleServer
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import PROGRAMS, PYTHON, Section, circus, socket, watcher


@pytest.fixture(scope="package", autouse=True)
def _nobody_is_left() -> Iterator[None]:
    """Look when all of these tests are done: browser and daemon are there for all of them."""
    yield from procs.nobody_is_left()


@pytest.fixture(scope="package")
def chromium(which_circusd: Flavour) -> Iterator[Chromium]:
    """The browser; before every daemon, so that none takes it for a process of its own."""
    with sync_playwright() as playwright:
        chromium = Chromium(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def stack(chromium: Chromium, which_circusd: Flavour) -> Iterator[Daemon]:
    """A daemon with statistics, a socket, and watchers that are well, busy, talking, failing and broken."""
    daemon = Daemon(which_circusd)
    try:
        daemon.start(
            circus(statsd=True, stats_endpoint=f"ipc://{daemon.home}/stats"),
            socket("shop", backlog=16),
            watcher("web", numprocesses=2),
            watcher("burner", cmd=f"{PYTHON} {PROGRAMS}/burn.py 0.05", use_sockets=True),
            watcher("talker", cmd=f"{PYTHON} {PROGRAMS}/talk.py", log_ring="64K"),
            watcher("flapper", {"flapping.active": False}, cmd="/bin/sh -c 'exit 3'", max_retry=-1),
            Section("plugin:flapping", {"use": "circus.plugins.flapping.Flapping"}),
            watcher("broken", cmd="/no/such/program --port 80", max_retry=1),
            wait=False,
        )
        daemon.wait_status("web", "active")
        yield daemon
    finally:
        daemon.close()


@pytest.fixture(scope="package")
def console(stack: Daemon) -> Iterator[ConsoleServer]:
    """The console of that daemon."""
    console = ConsoleServer(stack.home, stack.endpoint)
    try:
        console.start()
        yield console
    finally:
        console.close()


@pytest.fixture(scope="package")
def cookies(chromium: Chromium, console: ConsoleServer) -> StorageState:
    """What a browser keeps after a login."""
    person = chromium.person(console.url)
    person.page.goto(console.link)
    person.page.wait_for_selector("[data-region='watchers']")
    kept = person.page.context.storage_state()
    assert not person.leave()
    return kept


Newcomer = Callable[..., Person]
"""Makes a person in front of the console, by default one who is logged in; takes what ``Chromium.person`` takes."""


@pytest.fixture
def newcomer(chromium: Chromium, console: ConsoleServer, cookies: StorageState) -> Iterator[Newcomer]:
    """Makes people; at the end no browser may have complained."""
    people: list[Person] = []

    def make(url: str = console.url, **how: object) -> Person:
        people.append(chromium.person(url, **{"cookies": cookies if url == console.url else None, **how}))  # type: ignore[arg-type]
        return people[-1]

    yield make
    complaints = [complaint for person in people for complaint in person.leave()]
    assert complaints == []


@pytest.fixture
def person(newcomer: Newcomer) -> Person:
    """Somebody who is logged in, at a desk."""
    return newcomer()
