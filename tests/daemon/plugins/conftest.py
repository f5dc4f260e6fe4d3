"""What the tests of plugins share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon
from tests.support.plugins import Record
from tests.support.sinks import StatsdSink


@pytest.fixture
def record(daemon: Daemon) -> Record:
    """Where a plugin of the tests writes down what happens."""
    return Record(daemon.home / "record")


@pytest.fixture
def sink() -> Iterator[StatsdSink]:
    """A statsd server."""
    with StatsdSink() as sink:
        yield sink
