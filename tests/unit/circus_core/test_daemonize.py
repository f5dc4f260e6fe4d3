"""Into the background."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_for

START = """
import json, os, sys
from circus_core.daemonize import daemonize
starter = os.getpid()
daemon = daemonize()

def report():
    std = [os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)]
    fds = [fd for fd in range(100) if os.path.exists(f"/proc/self/fd/{fd}")]
    ids = dict(pid=os.getpid(), pgid=os.getpgid(0), sid=os.getsid(0))
    with open(sys.argv[1] + ".part", "w") as file:
        json.dump(dict(ids, cwd=os.getcwd(), std=std, fds=fds), file)
    os.rename(sys.argv[1] + ".part", sys.argv[1])
"""


def run(tmp_path: Path, body: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program that becomes a daemon; the end of its output means that the daemon let go of the terminal."""
    return subprocess.run(
        [sys.executable, "-c", START + body, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        **options,  # type: ignore[call-overload]  # passed through
    )


def reported(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out").read_text())


def test_the_parent_waits_for_readiness(tmp_path: Path) -> None:
    done = run(tmp_path, "print('starting')\nreport()\ndaemon.ready()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "starting\n", "")
    found = reported(tmp_path)
    assert found["pid"] != found["sid"] == found["pgid"], "no session leader, in a session of its own"
    assert found["sid"] != os.getsid(0)
    assert found["cwd"] == os.getcwd()


def test_a_failure_is_told_and_the_exit_code_is_1(tmp_path: Path) -> None:
    done = run(tmp_path, "daemon.failed('[circus] endpoint: bad')\nsys.exit(1)")
    assert (done.returncode, done.stderr) == (1, "[circus] endpoint: bad\n")


def test_a_daemon_that_dies_early_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, "os._exit(3)")
    assert (done.returncode, done.stderr) == (1, "circusd ended before it was ready\n")


def test_an_impatient_user_does_not_stop_the_start(tmp_path: Path) -> None:
    done = run(tmp_path, "import signal\nos.kill(starter, signal.SIGINT)\nsys.stdin.read()\ndaemon.ready()\nreport()")
    assert done.returncode == 130
    assert done.stderr == "not waiting for circusd, which goes on starting in the background\n"
    assert wait_for((tmp_path / "out").exists, "the daemon's report")


def test_what_the_daemon_says_while_starting_is_seen(tmp_path: Path) -> None:
    done = run(tmp_path, "raise RuntimeError('surprise')")
    assert done.returncode == 1
    assert "RuntimeError: surprise" in done.stderr


def test_after_readiness_the_terminal_is_left_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "daemon.ready()\nprint('late', flush=True)\nos.write(2, b'late')\nreport()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = wait_for(lambda: (tmp_path / "out").exists() and reported(tmp_path), "the daemon's report")
    assert found["std"] == ["/dev/null"] * 3


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"], ids=["stdin", "all"])
def test_closed_standard_descriptors_are_no_trouble(tmp_path: Path, closed: str) -> None:
    script = tmp_path / "script"
    script.write_text(START + "daemon.ready()\nopen(out, 'w').write('here')")
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" "$1" "$2" {closed}', sys.executable, script, tmp_path / "out"], timeout=20, check=False
    )
    assert done.returncode == 0


def test_descriptors_of_the_starter_are_not_kept(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        done = run(tmp_path, "report()\ndaemon.ready()", pass_fds=(lock.fileno(),))
    assert done.returncode == 0
    assert len(reported(tmp_path)["fds"]) == 4, "0, 1, 2 and the pipe to the parent"
