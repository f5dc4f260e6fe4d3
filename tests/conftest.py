"""What all tests share."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.support import flavour, procs
from tests.support.daemon import Daemon
from tests.support.flavour import Flavour


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the daemon tests run on the published programs, to see that they state what was so."""
    parser.addoption("--circusd", choices=["ours", "oracle"], default="ours", help="which circusd the daemon tests run")


def pytest_configure(config: pytest.Config) -> None:
    """Say what our marker means."""
    config.addinivalue_line("markers", "differs(why): what the published circusd does otherwise, on purpose")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on the published programs, what is meant to differ."""
    if config.getoption("--circusd") == "oracle":
        differing = [item for item in items if item.get_closest_marker("differs")]
        items[:] = [item for item in items if item not in differing]
        config.hook.pytest_deselected(items=differing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the daemon said when a test failed."""
    report = yield
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Daemon):
            value.has_failed = value.has_failed or report.failed
            if report.failed and value.home.exists():
                report.sections.append(("circusd log", value.log[-2500:]))
                report.sections.append(("circusd output", value.output[-2000:]))
    return report


@pytest.fixture(scope="session")
def which_circusd(request: pytest.FixtureRequest) -> Flavour:
    """The programs that the daemon tests run."""
    procs.become_subreaper()
    return flavour.published() if request.config.getoption("--circusd") == "oracle" else flavour.ours()


@pytest.fixture
def daemon(which_circusd: Flavour) -> Iterator[Daemon]:
    """A ``circusd`` in a folder of its own, not started yet."""
    daemon = Daemon(which_circusd)
    yield daemon
    daemon.close(check=not daemon.has_failed)
