"""circus-top on a terminal, ours and the published one, against our daemon."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import oracle, sshd
from tests.support.daemon import Daemon
from tests.support.ini import circus, socket, watcher
from tests.support.sshd import SshServer
from tests.support.terminal import Terminal
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("runs ours")

TOP = str(Path(sys.executable).with_name("circus-top"))
#: `circus` is the name of both packages: nothing may lead its programs to ours
THEIR_ENV = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture
def stats_endpoint(daemon: Daemon) -> str:
    """The stats endpoint of a daemon that runs."""
    endpoint = f"ipc://{daemon.home}/stats"
    daemon.start(
        circus(statsd=True, stats_endpoint=endpoint),
        watcher("web", numprocesses=2),
        watcher("Two Words"),
        watcher("off", autostart=False),
        socket("tcp"),
    )
    daemon.wait_status("circusd-stats", "active")
    return endpoint


def top(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOP, *args], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})}
    )


def test_live_table(daemon: Daemon, stats_endpoint: str) -> None:
    pids = daemon.pids("web")
    with Terminal(TOP, "--endpoint", stats_endpoint) as terminal:
        terminal.wait_for("Circus Top", "watchers 3 (1 stopped)", "processes 3", *map(str, pids), "Two Words", "SOCKET")
        terminal.press("f")
        terminal.wait_for("▸ web")
        terminal.press("/two\r")
        terminal.wait_for("only 'two'")
        terminal.press("?")
        terminal.wait_for("fold or unfold all watchers")
        terminal.press(" q")
        assert terminal.wait_exit() == 0
        assert "\x1b[?1049l" in terminal.raw, "the terminal is given back"


def test_it_survives_a_restart_of_the_daemon(daemon: Daemon, stats_endpoint: str) -> None:
    with Terminal(TOP, "--endpoint", stats_endpoint, "--process-timeout", "2") as terminal:
        terminal.wait_for("processes 3")
        daemon.stop()
        terminal.wait_for("no news for")
        daemon.launch(str(daemon.config))
        daemon.wait_until_up()
        terminal.press("")
        (pid, _) = wait_for(lambda: len(daemon.pids("web")) == 2 and daemon.pids("web"), "the processes")
        terminal.wait_for(str(pid))


@pytest.mark.parametrize(("value", "is_coloured"), [("", True), ("1", False)])
def test_colours_go_by_no_color(daemon: Daemon, stats_endpoint: str, value: str, is_coloured: bool) -> None:
    with Terminal(TOP, "--endpoint", stats_endpoint, env={"NO_COLOR": value}) as terminal:
        terminal.wait_for("active")
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.raw)) is is_coloured


def test_ctrl_c_leaves(daemon: Daemon, stats_endpoint: str) -> None:
    with Terminal(TOP, "--endpoint", stats_endpoint) as terminal:
        terminal.wait_for("active")
        terminal.press("\x03")
        assert terminal.wait_exit() == 0


def test_unknown_terminal_is_said(daemon: Daemon, stats_endpoint: str) -> None:
    with Terminal(TOP, "--endpoint", stats_endpoint, env={"TERM": "nothing-like-it"}) as terminal:
        assert terminal.wait_exit() == 1
        assert "the terminal 'nothing-like-it' cannot be used" in terminal.text


def test_once(daemon: Daemon, stats_endpoint: str) -> None:
    pids = daemon.pids("web")
    done = top("--endpoint", stats_endpoint, "--once", env={"COLUMNS": "90"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{stats_endpoint}  watchers 3 (1 stopped)  processes 3")
    assert [line.split()[0] for line in lines if " #" in line and "web" not in line].count(str(pids[0])) == 1
    assert any(line.startswith("tcp 127.0.0.1:") for line in lines)
    assert "\x1b" not in done.stdout and all(len(line) <= 90 for line in lines[1:])


def test_json_of_several_endpoints(daemon: Daemon, stats_endpoint: str) -> None:
    done = top("--endpoint", stats_endpoint, "--endpoint", stats_endpoint, "--json")
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(done.stdout)
    first, second = found["endpoints"]
    assert first["endpoint"] == second["endpoint"] == stats_endpoint
    assert first["watchers"].keys() == second["watchers"].keys() == {"web", "two_words", "off"}
    assert sorted(each["pid"] for each in first["watchers"]["web"]["processes"]) == daemon.pids("web")
    assert {each["name"] for each in first["circus"]["processes"]} == {"circusd", "circusd-stats"}
    assert [each["name"] for each in first["sockets"]] == ["tcp"]


def test_nobody_there() -> None:
    done = top("--endpoint", "ipc:///nowhere/stats", "--once", "--timeout", "0.3")
    assert done.returncode == 1
    assert "no statistics from ipc:///nowhere/stats in 0.3s; is circusd up, with statsd = True?" in done.stderr


def test_without_a_terminal() -> None:
    done = top("--endpoint", "ipc:///nowhere/stats")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--once or --json" in done.stderr


@pytest.mark.parametrize(
    "args", [("--process-timeout", "0"), ("--process-timeout", "x"), ("--endpoint",), ("--nonsense",)]
)
def test_bad_flags(args: tuple[str, ...]) -> None:
    assert top(*args).returncode == 2


def test_bad_endpoint() -> None:
    done = top("--endpoint", "nonsense", "--once")
    assert done.returncode == 1 and "write tcp://HOST:PORT or ipc://PATH" in done.stderr


@pytest.mark.skipif(sshd.PROGRAM is None, reason="needs sshd: apt-get install openssh-server")
def test_through_ssh(daemon: Daemon, stats_endpoint: str, tmp_path: Path) -> None:
    server = SshServer(tmp_path)
    try:
        with open(tmp_path / "ssh_config", "a") as config:
            config.write(f"IdentityFile {server.keyfile}\n")
        env = {"PATH": f"{server.bin}:{os.environ['PATH']}"}
        done = top("--endpoint", stats_endpoint, "--ssh", server.address, "--once", env=env)
        assert (done.returncode, done.stderr) == (0, "")
        assert all(f" {pid} #" in done.stdout for pid in daemon.pids("web"))
    finally:
        server.stop()


def test_published_circus_top_shows_our_statistics(daemon: Daemon, stats_endpoint: str) -> None:
    theirs = str(oracle.scripts() / "circus-top")
    with Terminal(theirs, "--endpoint", stats_endpoint, lines=50, base=THEIR_ENV) as terminal:
        # No pid: it draws only the characters that changed, so that a number is seldom written whole.
        terminal.wait_for("Circus Top", "web", "two_words", "(circusd)", "(circusd-stats)", "sockets")
        assert "Traceback" not in terminal.text
