"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.support import flavour, procs
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.venvs import Venv, with_circus

pytest_plugins = ["circus_core.testing"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the daemon tests run on the published programs, to see that they state what was so."""
    parser.addoption("--circusd", choices=["ours", "oracle"], default="ours", help="which circusd the daemon tests run")
    parser.addoption("--soak", action="store_true", help="run the tests in tests/soak in their full length")
    parser.addoption(
        "--soak-minutes", type=float, default=30.0, help="with --soak: how long the busy stack runs (default: 30)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what our marker means, and let Ctrl-C reach what is tested."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of thousands of daemons compiles all of its modules
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell sets it for what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "differs(why): what the published circusd does otherwise, on purpose")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let pytest-rerunfailures ask at once how often a test has failed, which it does before each.

    It counts over a TCP connection and leaves Nagle's algorithm on (16.7): 40 ms for each of thousands of tests.
    """
    counter = getattr(getattr(session.config, "failures_db", None), "sock", None)
    if hasattr(session.config, "workerinput") and counter is not None:
        counter.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on the published programs, what is meant to differ."""
    if config.getoption("--circusd") == "oracle":
        differing = [item for item in items if item.get_closest_marker("differs")]
        items[:] = [item for item in items if item not in differing]
        config.hook.pytest_deselected(items=differing)


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make only, not at the thousands of tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the long tests counted, also where it was captured."""
    told = [r for r in terminalreporter.getreports("passed") if r.nodeid.startswith("tests/soak/") and r.capstdout]
    if told:
        terminalreporter.section("what the long tests counted")
    for report in told:
        terminalreporter.write_line(f"{report.nodeid}\n{report.capstdout.rstrip()}")


@pytest.fixture(scope="module", autouse=True)
def _nobody_is_left() -> Iterator[None]:
    """Fail a module whose tests leave a process behind, which another module would take for its own."""
    yield from procs.nobody_is_left()


@pytest.fixture(scope="session")
def which_circusd(request: pytest.FixtureRequest) -> Flavour:
    """The programs that the daemon tests run."""
    return flavour.published() if request.config.getoption("--circusd") == "oracle" else flavour.ours()


@pytest.fixture
def daemon(which_circusd: Flavour) -> Iterator[Daemon]:
    """A ``circusd`` in a folder of its own, not started yet."""
    daemon = Daemon(which_circusd)
    yield daemon
    daemon.close(check=not daemon.has_failed)


@pytest.fixture(scope="session")
def circus_venv(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment in which pip installed circus, one for all who test at once: copy it before you change it."""
    folder = tmp_path_factory.getbasetemp()
    return with_circus(folder.parent if hasattr(request.config, "workerinput") else folder)
