"""What the contract tests of the Spawners share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from circus_core.spawner import Spawner
from tests.support.spawners import MAKERS, Harness


@pytest.fixture(params=MAKERS)
def make_spawner(request: pytest.FixtureRequest) -> Callable[[], Spawner]:
    """Makes the Spawner under test."""
    maker: Callable[[], Spawner] = MAKERS[request.param]
    return maker


@pytest.fixture
def harness(make_spawner: Callable[[], Spawner]) -> Iterator[Harness]:
    """A Spawner in a loop; its children are ended after the test."""
    harness = Harness(make_spawner)
    yield harness
    harness.close()
