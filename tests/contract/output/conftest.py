"""A running pump."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.output import Pump
from circus_core.output.journal import Journal
from tests.support.output import open_fds
from tests.support.waiting import wait_for


@pytest.fixture(params=["plain", "journal"])
def pump(request: pytest.FixtureRequest) -> Iterator[Pump]:
    before = len(open_fds())
    pump = Pump(journal=Journal.create() if request.param == "journal" else None)
    pump.start()
    yield pump
    pump.stop(1.0)
    wait_for(lambda: len(open_fds()) <= before, "every descriptor of the pump to be closed")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "out.log"
