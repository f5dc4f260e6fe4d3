"""Every way in which a console is started: the program and its flags, a module, by circusd, in a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core import __version__
from tests.support import sshd
from tests.support.console import PROGRAM, ConsoleServer
from tests.support.daemon import Daemon
from tests.support.ini import circus, watcher
from tests.support.sshd import SshServer
from tests.support.waiting import wait_for

LACKING = """
import sys
from importlib.machinery import PathFinder

class Lacking:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name in {"bottle", "tornado"} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Lacking
"""


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """The environment of programs that find neither bottle nor tornado."""
    (tmp_path / "sitecustomize.py").write_text(LACKING)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def run(*words: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, **how)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "words",
    [
        [PROGRAM],
        [sys.executable, "-m", "circus_web"],
        [sys.executable, "-m", "circus.web.circushttpd"],
        [sys.executable, "-m", "circusweb.circushttpd"],
    ],
    ids=["program", "circus_web", "circus.web", "circusweb"],
)
def test_every_name_of_the_program_leads_to_it(words: list[str]) -> None:
    assert run(*words, "--version").stdout == f"{__version__}\n"


def test_program_says_where_it_listens_and_how_to_end_it(running: ConsoleServer) -> None:
    lines = running.output.splitlines()
    assert "starting up" in lines[0]
    assert re.fullmatch(r"Listening on http://localhost:\d+/", lines[1])
    assert lines[-1] == "Hit Ctrl-C to quit."
    assert running.stop() == 0


def test_help_names_every_flag() -> None:
    text = run(PROGRAM, "--help").stdout
    flags = (
        "config endpoint host port fd readonly allowed-host ssh ssh-keyfile hash-password log-level log-output version"
    )
    for flag in flags.split():
        assert f"--{flag}" in text


def test_port_that_is_taken_is_named(running: ConsoleServer) -> None:
    port = running.url.rstrip("/").rpartition(":")[2]
    done = run(PROGRAM, "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(rf"port {port}: .*choose another --port", done.stderr)


def test_descriptor_that_is_no_socket_is_refused() -> None:
    done = run(PROGRAM, "--fd", "0", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "$(circus.sockets.NAME)" in done.stderr


def test_log_goes_where_it_is_sent(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(watcher("web"))
    path = daemon.home / "console.log"
    console.start("--log-level", "debug", "--log-output", str(path))
    console.logged_in().get("/")
    wait_for(lambda: "GET /" in path.read_text(), "the request in the log")
    assert console.log == ""


def test_settings_come_from_the_configuration_of_the_daemon(daemon: Daemon, console: ConsoleServer) -> None:
    daemon.start(circus(httpd_readonly=True, httpd_port=0, httpd_endpoints="tcp://127.0.0.1:1"), watcher("web"))
    console.launch("--config", str(daemon.config))
    wait_for(lambda: "Ctrl-C" in console.output, "the console to listen")
    console.url = re.search(r"Listening on (\S+)", console.output)[1]  # type: ignore[index]
    visitor = console.logged_in()
    page = visitor.get("/connect").body
    assert daemon.endpoint in page and "tcp://127.0.0.1:1" in page
    visitor.post("/connect", {"endpoint": daemon.endpoint})
    assert "read-only" in visitor.get("/").body


# Without the packages that it needs


def test_daemon_says_what_its_console_lacks(daemon: Daemon, without: dict[str, str]) -> None:
    config = daemon.write(circus(httpd=True), watcher("web"))
    daemon.launch(str(config), env=without)
    assert daemon.wait_exit() == 1
    assert "the web console needs bottle and tornado" in daemon.log
    assert "pip install bottle tornado" in daemon.log


def test_daemon_runs_without_what_only_its_console_needs(daemon: Daemon, without: dict[str, str]) -> None:
    daemon.start(watcher("web"), env=without)
    assert daemon.status("web") == "active"


def test_program_says_what_it_lacks(without: dict[str, str]) -> None:
    done = run(PROGRAM, env=without)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "the web console needs bottle and tornado, which are not installed; pip install bottle tornado\n"
    )


# In a program


EMBEDDING = """
import sys
from circus import get_arbiter

arbiter = get_arbiter(
    [{"name": "web", "cmd": "sleep 1000"}], sys.argv[1], sys.argv[2], httpd=True, httpd_host="localhost", httpd_port=0
)
arbiter.start()
"""


@pytest.mark.differs("it has no console")
def test_program_that_embeds_an_arbiter_has_a_console(daemon: Daemon) -> None:
    program = daemon.home / "embedding.py"
    program.write_text(EMBEDDING)
    console = ConsoleServer(daemon.home, daemon.endpoint)
    words = [sys.executable, str(program), daemon.endpoint, daemon.pubsub_endpoint]
    with subprocess.Popen(words, env=console.environ, stdout=subprocess.PIPE, text=True) as embedder:
        try:
            assert embedder.stdout is not None
            found = next(found for line in embedder.stdout if (found := re.match(r"Open (http://\S+/)login", line)))
            console.url = found[1]
            assert 'data-row="w:web"' in console.logged_in().get("/").body
        finally:
            embedder.terminate()


# Through ssh


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    """An ssh server that knows us."""
    server = SshServer(tmp_path)
    yield server
    server.stop()


@pytest.mark.skipif(sshd.PROGRAM is None, reason="needs sshd: apt-get install openssh-server")
def test_daemon_is_reached_through_ssh(daemon: Daemon, console: ConsoleServer, server: SshServer) -> None:
    daemon.start(circus(statsd=True, stats_endpoint=f"ipc://{daemon.home}/stats"), watcher("web"))
    path = f"{server.bin}:{os.environ['PATH']}"
    console.start("--ssh", server.address, "--ssh-keyfile", str(server.keyfile), env={"PATH": path})
    visitor = console.logged_in()
    wait_for(lambda: 'data-row="w:web"' in visitor.get("/").body, "the daemon behind ssh")
    assert visitor.do("incr", name="web").status == 200
    wait_for(lambda: "tag-spawn" in visitor.get("/events").body, "its events")
