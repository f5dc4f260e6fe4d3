"""What answers clients is loaded after the processes were started, or when a client comes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.waiting import wait_for

HEAVY = ("zmq", "stevedore", "importlib.metadata", "ctypes", "circus_core.controller")


@pytest.fixture
def slow(daemon: Daemon) -> Daemon:
    """A daemon whose start takes an hour: its watchers start one after the other."""
    daemon.write(circus(warmup_delay=3600), watcher("first", priority=2), watcher("second", priority=1))
    daemon.launch(str(daemon.config))
    wait_for(lambda: "Starting master" in daemon.log, "the endpoints to be bound")
    return daemon


def test_a_client_that_comes_while_it_starts_is_answered(slow: Daemon) -> None:
    assert slow.call("status")["statuses"] == {"first": "active", "second": "stopped"}


def test_it_can_be_told_to_end_before_anybody_asked(slow: Daemon) -> None:
    slow.signal(signal.SIGTERM)

    assert slow.wait_exit() == 0


def test_what_is_read_before_the_first_process_needs_nothing_heavy(daemon: Daemon) -> None:
    """So that it starts soon; ``circusd --check`` reads the same."""
    daemon.write(watcher("web"))
    program = (
        "import sys\n"
        "from circus_core.cli.circusd import main\n"
        "code = main(sys.argv[1:])\n"
        f"print(code, *sorted(set({HEAVY}) & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, "--check", str(daemon.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
