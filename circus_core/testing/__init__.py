"""What authors of extensions test them with, with a real daemon and without one.

``pytest_plugins = ["circus_core.testing"]`` in the top ``conftest.py`` of a test suite gives its tests the fixtures
``circus_daemon``, ``fake_arbiter``, ``fake_clock`` and ``recording_stream``. It needs pytest.

(PYTEST_DONT_REWRITE: the ``conftest.py`` may import names from here as well, before pytest does.)
"""

from circus_core.testing._arbiter import FakeArbiter, FakeChange, FakeWatcher
from circus_core.testing._clock import FakeClock
from circus_core.testing._commands import run_command
from circus_core.testing._daemon import Daemon
from circus_core.testing._fixtures import (
    circus_daemon,
    fake_arbiter,
    fake_clock,
    pytest_runtest_makereport,
    recording_stream,
)
from circus_core.testing._streams import RecordingStream
from circus_core.testing._waiting import PATIENCE, wait_for

__all__ = [
    "PATIENCE",
    "Daemon",
    "FakeArbiter",
    "FakeChange",
    "FakeClock",
    "FakeWatcher",
    "RecordingStream",
    "circus_daemon",
    "fake_arbiter",
    "fake_clock",
    "pytest_runtest_makereport",
    "recording_stream",
    "run_command",
    "wait_for",
]
