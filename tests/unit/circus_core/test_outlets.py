"""Which processes have a pipe, and how much of what comes out of it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from circus_core.options import StreamConfig, WatcherConfig
from circus_core.outlets import outlet, ring_size

FILE = StreamConfig("FileStream", {"filename": "/tmp/x"})
OWN = StreamConfig("FileStream", {"filename": "/dev/stdout"})


@pytest.mark.parametrize(
    ("options", "stdout", "size"),
    [
        pytest.param({}, None, 0, id="inherits"),
        pytest.param({"stdout_stream": FILE}, FILE, 65536, id="a-stream-is-kept"),
        pytest.param({"stderr_stream": FILE}, None, 65536, id="the-other-stream"),
        pytest.param({"stdout_stream": FILE, "log_ring": 100}, FILE, 100, id="as-much-as-is-said"),
        pytest.param({"stdout_stream": FILE, "log_ring": 0}, FILE, 0, id="turned-off"),
        pytest.param({"log_ring": 100}, OWN, 100, id="without-a-stream-it-is-passed-on"),
        pytest.param({"log_ring": 0}, None, 0, id="turned-off-without-a-stream"),
        pytest.param({"log_ring": 100, "close_child_stdout": True}, None, 100, id="closed"),
        pytest.param(
            {"log_ring": 100, "close_child_stdout": True, "close_child_stderr": True}, None, 0, id="both-closed"
        ),
    ],
)
def test_outlet_and_ring(options: dict[str, Any], stdout: StreamConfig | None, size: int) -> None:
    config = WatcherConfig(name="web", **options)

    assert outlet(config, "stdout") == stdout
    assert ring_size(config) == size
