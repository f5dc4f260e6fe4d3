"""Long tests: shortened, unless ``--soak`` asks for their full length."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Scale = Callable[[int], int]

SHORTENED = 50  #: times


@pytest.fixture
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether the full length was asked for."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def scale(is_full: bool) -> Scale:
    """What turns a full size or time into the one to use."""
    return lambda full: full if is_full else full // SHORTENED
