"""Which processes have a pipe, and how much of what comes out of it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from circus_core.options import StreamConfig, WatcherConfig
from circus_core.outlets import has_pipe, ring_size

FILE = StreamConfig("FileStream", {"filename": "/tmp/x"})
CLOSED = {"close_child_stdout": True, "close_child_stderr": True}


@pytest.mark.parametrize(
    ("options", "has_stdout", "has_stderr", "size"),
    [
        pytest.param({}, False, False, 0, id="inherits"),
        pytest.param({"stdout_stream": FILE}, True, False, 65536, id="a-stream-is-kept"),
        pytest.param({"stderr_stream": FILE}, False, True, 65536, id="the-other-stream"),
        pytest.param({"stdout_stream": FILE, "log_ring": 100}, True, True, 100, id="as-much-as-is-said-of-both"),
        pytest.param({"stdout_stream": FILE, "log_ring": 0}, True, False, 0, id="turned-off"),
        pytest.param({"log_ring": 100}, True, True, 100, id="without-a-stream"),
        pytest.param({"log_ring": 0}, False, False, 0, id="turned-off-without-a-stream"),
        pytest.param({"log_ring": 100, "close_child_stdout": True}, False, True, 100, id="one-is-closed"),
        pytest.param({"log_ring": 100, **CLOSED}, False, False, 0, id="both-are-closed"),
        pytest.param({"stdout_stream": FILE, **CLOSED}, False, False, 0, id="closed-in-spite-of-a-stream"),
    ],
)
def test_pipes_and_rings(options: dict[str, Any], has_stdout: bool, has_stderr: bool, size: int) -> None:
    config = WatcherConfig(name="web", **options)

    assert (has_pipe(config, "stdout"), has_pipe(config, "stderr")) == (has_stdout, has_stderr)
    assert ring_size(config) == size
