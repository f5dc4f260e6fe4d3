"""The hooks that ship: a watcher starts once what it depends on answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import Section, watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("it has none")


class Dependency:
    """Something that a hook waits for: not there yet, then there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.open = ExitStack()

    options: dict[str, str]

    def appear(self) -> None:
        raise AssertionError("say how")


class Port(Dependency):
    """Two TCP ports; the second one listens last."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.sockets = [self.open.enter_context(socket.socket()) for _ in range(2)]
        for bound in self.sockets:
            bound.bind(("127.0.0.1", 0))
        self.options = {"address": ", ".join(f"127.0.0.1:{bound.getsockname()[1]}" for bound in self.sockets)}

    def appear(self) -> None:
        for bound in self.sockets:
            bound.listen()


class UnixSocket(Dependency):
    """A unix socket that does not listen yet."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.socket = self.open.enter_context(socket.socket(socket.AF_UNIX))
        self.socket.bind(str(home / "dependency"))
        self.options = {"path": str(home / "dependency")}

    def appear(self) -> None:
        self.socket.listen()


class WebServer(Dependency):
    """A server that is busy, then well."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.asked: list[str] = []
        self.status = 503

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.asked.append(handler.path)
                handler.send_response(self.status)
                handler.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        server = self.open.enter_context(HTTPServer(("127.0.0.1", 0), Handler))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.open.callback(thread.join)
        self.open.callback(server.shutdown)
        self.options = {"url": f"http://127.0.0.1:{server.server_port}/health?full=1"}

    def appear(self) -> None:
        wait_for(lambda: len(self.asked) > 1, "two tries")
        assert set(self.asked) == {"/health?full=1"}
        self.status = 204


class Command(Dependency):
    """A command that succeeds when a file is there."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.path = home / "dependency"
        self.options = {"command": f"""sh -c 'echo "not yet" >&2; test -e "$0"' {self.path}"""}

    def appear(self) -> None:
        self.path.touch()


class File(Command):
    """A file."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.options = {"path": str(self.path)}


KINDS: dict[str, type[Dependency]] = {
    "tcp_ready": Port,
    "unix_ready": UnixSocket,
    "http_ready": WebServer,
    "command_ok": Command,
    "file_exists": File,
}


@pytest.fixture(params=KINDS)
def hook(request: pytest.FixtureRequest) -> str:
    """The name of a hook."""
    return str(request.param)


@pytest.fixture
def dependency(hook: str, tmp_path: Path) -> Iterator[Dependency]:
    """What that hook waits for."""
    dependency = KINDS[hook](tmp_path)
    with dependency.open:
        yield dependency


def waiting(hook: str, dependency: Dependency, **options: Any) -> Section:
    """Return a watcher that starts when *dependency* is ready."""
    named = {f"hook.{hook}.{name}": value for name, value in {**dependency.options, **options}.items()}
    return watcher("web", {"hooks.before_start": hook, **named})


def test_watcher_starts_once_its_dependency_is_ready(daemon: Daemon, hook: str, dependency: Dependency) -> None:
    daemon.start(waiting(hook, dependency, interval=0.05), watcher("other"), wait=False)
    daemon.wait_status("other", "active")
    assert daemon.status("web") == "stopped"
    assert daemon.pids("web") == []

    dependency.appear()

    daemon.wait_ready("web")
    daemon.wait_status("web", "active")


def test_dependency_that_does_not_come_fails_the_start_and_says_why(
    daemon: Daemon, hook: str, dependency: Dependency
) -> None:
    web = waiting(hook, dependency, timeout=0.3, interval=0.05)
    daemon.start(Section(web.name, {**web.options, "autostart": False}), watcher("other"))
    events = daemon.events()
    reply = daemon.wire.ask("start", name="web", waiting=True)

    assert (reply["status"], reply["errno"]) == ("error", 6)
    assert "hook before_start failed: " in reply["reason"]
    assert daemon.status("web") == "stopped"
    (failure,) = [event.data for event in events.so_far() if event.action == "hook_failure"]
    reasons = {
        "tcp_ready": "Connection refused",
        "unix_ready": "Connection refused",
        "http_ready": "it answers 503",
        "command_ok": "exit code 1: not yet",
        "file_exists": "No such file or directory",
    }
    assert "is not ready after 0.3s: " in failure["error"]
    assert reasons[hook] in failure["error"]


def test_command_that_hangs_is_killed_with_what_it_started(daemon: Daemon) -> None:
    hangs = {"hook.command_ok.command": "sh -c 'sleep 300; :'", "hook.command_ok.timeout": 0.3}
    daemon.start(watcher("web", {"hooks.before_start": "command_ok", **hangs}), watcher("other"), wait=False)

    wait_for(lambda: "it did not end in 1s" in daemon.log, "the hook to fail")
    wait_for(lambda: len(daemon.left_processes()) == 1, "only the process of the other watcher to be left")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "hook.tcp_ready.address = None: missing; write hook.tcp_ready.address = 127.0.0.1:6379"),
        ({"address": "6379"}, "hook.tcp_ready.address = '6379': '6379' is no HOST:PORT; write HOST:PORT"),
        ({"address": "a:1", "timeout": "soon"}, "hook.tcp_ready.timeout = 'soon': not a number; write a number"),
    ],
)
def test_wrong_option_refuses_the_file(daemon: Daemon, options: dict[str, str], complaint: str) -> None:
    named = {f"hook.tcp_ready.{name}": value for name, value in options.items()}
    daemon.write(watcher("web", {"hooks.before_start": "tcp_ready", **named}))

    for args in (["--check"], []):
        assert daemon.launch(*args, str(daemon.config)).wait(60) == 1
    assert daemon.log.count(f"[watcher:web] {complaint}") == 2


def test_misspelt_option_is_reported_with_the_near_one(daemon: Daemon) -> None:
    options = {"hook.tcp_ready.address": "127.0.0.1:1", "hook.tcp_ready.timout": 3, "hook.tcp_redy.timeout": 3}
    daemon.write(watcher("web", options))

    assert daemon.launch("--check", str(daemon.config)).wait(60) == 0
    assert "hook.tcp_ready.timout: is no option of hook.tcp_ready" in daemon.log
    assert "did you mean 'hook.tcp_ready.timeout'?" in daemon.log
    assert "hook.tcp_redy.timeout: is left to extensions; did you mean 'hook.tcp_ready'?" in daemon.log


def test_commands_see_the_options(daemon: Daemon) -> None:
    daemon.start(watcher("web", {"hook.tcp_ready.address": "localhost:1, [::1]:2"}))
    address, interval, timeout = (f"hook.tcp_ready.{name}" for name in ("address", "interval", "timeout"))

    assert daemon.call("options", name="web")["options"][address] == ["localhost:1", "[::1]:2"]
    assert daemon.call("get", name="web", keys=[interval])["options"] == {interval: 0.2}
    daemon.call("set", name="web", options={address: "localhost:3", timeout: 7})
    assert daemon.call("get", name="web", keys=[address, timeout])["options"] == {
        address: ["localhost:3"],
        timeout: 7.0,
    }
    refused = daemon.refused("set", name="web", options={address: "nowhere"})
    assert "'nowhere' is no HOST:PORT" in refused["reason"]
    refused = daemon.refused("set", name="web", options={"hooks.before_start": "http_ready"})
    assert "hook.http_ready.url = None: missing" in refused["reason"]
    assert daemon.ctl("set", "web", address, "localhost:4,localhost:5").returncode == 0
    assert daemon.call("get", name="web", keys=[address])["options"] == {address: ["localhost:4", "localhost:5"]}
    before = daemon.pids("web")
    daemon.write(watcher("web", {address: "localhost:6"}))
    daemon.call("reloadconfig", waiting=True)
    assert daemon.call("get", name="web", keys=[address])["options"] == {address: ["localhost:6"]}
    assert daemon.pids("web") == before
