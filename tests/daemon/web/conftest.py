"""A console beside the daemon of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.console import ConsoleServer
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import watcher

Stack = tuple[Daemon, ConsoleServer]


@pytest.fixture
def console(daemon: Daemon) -> Iterator[ConsoleServer]:
    """A ``circushttpd`` for the daemon of the test, neither of them started yet."""
    console = ConsoleServer(daemon.home, daemon.endpoint)
    yield console
    console.close()


@pytest.fixture
def running(daemon: Daemon, console: ConsoleServer) -> ConsoleServer:
    """A console on a daemon with the watcher ``web``."""
    daemon.start(watcher("web"))
    console.start()
    return console


@contextmanager
def stack(which_circusd: Flavour) -> Iterator[Stack]:
    """A daemon with the watcher ``web``, and its console."""
    daemon = Daemon(which_circusd)
    console = ConsoleServer(daemon.home, daemon.endpoint)
    try:
        daemon.start(watcher("web"))
        console.start()
        yield daemon, console
    finally:
        console.close()
        daemon.close()


@pytest.fixture(scope="module")
def shared(which_circusd: Flavour) -> Iterator[Stack]:
    """A daemon with the watcher ``web`` and its console, for tests that change neither."""
    with stack(which_circusd) as shared:
        yield shared


@pytest.fixture(scope="module")
def ours(shared: Stack) -> ConsoleServer:
    """A console that no test changes."""
    return shared[1]


@pytest.fixture(scope="module")
def untouched(shared: Stack) -> Daemon:
    """The daemon behind it."""
    return shared[0]
