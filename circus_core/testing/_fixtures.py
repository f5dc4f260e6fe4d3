"""The fixtures."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from circus_core.testing._arbiter import FakeArbiter, FakeWatcher
from circus_core.testing._clock import FakeClock
from circus_core.testing._daemon import Daemon
from circus_core.testing._streams import RecordingStream


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what a daemon said when its test failed."""
    report = yield
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Daemon):
            value.has_failed = value.has_failed or report.failed
            if report.failed and value.home.exists():
                report.sections.append(("circusd log", value.log[-2500:]))
                report.sections.append(("circusd output", value.output[-2000:]))
    return report


@pytest.fixture
def circus_daemon() -> Iterator[Daemon]:
    """A ``circusd`` in a folder of its own, not started yet; it is ended after the test, which fails if it left any."""
    daemon = Daemon()
    yield daemon
    daemon.close(check=not daemon.has_failed)


@pytest.fixture
def fake_arbiter() -> FakeArbiter:
    """An arbiter with the watcher ``web``, whose processes are 101 and 102; no process is real."""
    return FakeArbiter(FakeWatcher("web", pids=(101, 102)))


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until ``advance`` is called."""
    return FakeClock()


@pytest.fixture
def recording_stream() -> RecordingStream:
    """A stream that keeps what it is given."""
    return RecordingStream()
