"""The ``health`` plugin: probes of watchers and of their processes, and what follows."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, Section, signals, watcher
from tests.support.plugins import plugin, wait_connected
from tests.support.ports import free_ports
from tests.support.sinks import WebServer
from tests.support.waiting import wait_for
from tests.support.wire import Events, Published

pytestmark = pytest.mark.differs("the published package has no such plugin")


@pytest.fixture
def web() -> Iterator[WebServer]:
    """What is probed."""
    server = WebServer()
    yield server
    server.close()


def health(**options: object) -> Section:
    return plugin("h", "health", **{"interval": 0.1, "timeout": 60, "failures": 3, "grace": 0, **options})


def start(daemon: Daemon, *sections: Section) -> Events:
    daemon.start(*sections)
    wait_connected(daemon, "h")
    return daemon.events()


def told(event: Published) -> str:
    return str(event.data["status"])


def test_watcher_that_answers_with_errors_is_restarted(daemon: Daemon, web: WebServer) -> None:
    events = start(
        daemon, watcher("Web One", {"health.http": f"{web.url}ping"}, numprocesses=2), watcher("calm"), health()
    )
    pids, calm = daemon.pids("Web One"), daemon.pids("calm")
    wait_for(lambda: len(web.requests) > 2, "probes")

    web.code = 503
    event = events.until("watcher.web_one.health")[-1]

    assert (told(event), web.requests[0][0]) == ("unhealthy", "/ping")
    assert "503" in event.data["error"]
    events.until("watcher.web_one.start")
    assert not set(daemon.pids("Web One")) & set(pids) and daemon.pids("calm") == calm


@pytest.mark.parametrize("fault", ["slow", "dead"])
def test_server_that_does_not_answer_is_unhealthy(daemon: Daemon, web: WebServer, fault: str) -> None:
    events = start(daemon, watcher("web", {"health.http": web.url}), health(timeout=0.3, action="event"))
    wait_for(lambda: len(web.requests) > 2, "probes")
    (pid,) = daemon.pids("web")

    if fault == "slow":
        web.delay = 60
    else:
        web.close()
    event = events.until("watcher.web.health")[-1]

    assert told(event) == "unhealthy"
    assert daemon.pids("web") == [pid]
    if fault == "dead":
        web.close = lambda: None  # type: ignore[method-assign]


def test_events_alone_tell_when_it_is_well_again(daemon: Daemon, web: WebServer) -> None:
    events = start(
        daemon, watcher("web", {"health.http": web.url, "health.action": "event", "health.successes": 2}), health()
    )

    web.code = 500
    assert told(events.until("watcher.web.health")[-1]) == "unhealthy"
    before = len(web.requests)
    wait_for(lambda: len(web.requests) > before + 6, "further probes")
    web.code = 200
    seen = events.until("watcher.web.health")

    assert [told(event) for event in seen if event.action == "health"] == ["healthy"]
    assert daemon.pids("web")


def test_process_that_is_not_well_is_replaced_alone(daemon: Daemon) -> None:
    base = free_ports(4)[0]
    program = f"{sys.executable} -I -S {PROGRAMS}/probed.py web $(circus.wid) {base} {daemon.home}/bad"
    check = daemon.home / "check"
    check.write_text(
        f"#!{sys.executable} -I\nimport os, sys, urllib.request as u\n"
        f"u.urlopen(f'http://127.0.0.1:{{{base} + int(sys.argv[1])}}/', timeout=60)\n"
        "assert os.environ['CIRCUS_WID'] == sys.argv[1] and os.environ['CIRCUS_WATCHER'] == 'web'\n"
    )
    check.chmod(0o755)
    events = start(
        daemon,
        watcher("web", {"health.command": f"{check} $(circus.wid)"}, cmd=program, numprocesses=3),
        health(grace=0.5),
    )
    before = daemon.wait_ready("web", 3)

    (daemon.home / "bad2").touch()
    event = events.until("watcher.web.health")[-1]
    (daemon.home / "bad2").unlink()

    assert (told(event), event.data["process_pid"], event.data["wid"]) == ("unhealthy", before[2], 2)
    assert "HTTP Error 500" in event.data["error"]
    after = daemon.wait_ready("web", 3, without=before[2])
    assert (after[1], after[3]) == (before[1], before[3])


def test_tcp_probe_restarts_what_does_not_listen(daemon: Daemon) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    events = start(daemon, watcher("web", {"health.tcp": address}), health())
    (pid,) = daemon.pids("web")
    listener.accept()[0].close()

    listener.close()
    event = events.until("watcher.web.health")[-1]

    assert address in event.data["error"]
    wait_for(lambda: daemon.pids("web") not in ([pid], []), "another process")


def test_unix_socket_is_probed(daemon: Daemon) -> None:
    path = str(daemon.home / "sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    events = start(daemon, watcher("web", {"health.tcp": path, "health.action": "event"}), health())
    listener.accept()[0].close()

    listener.close()
    Path(path).unlink()

    assert told(events.until("watcher.web.health")[-1]) == "unhealthy"


def test_command_that_fails_or_hangs_tells_what_it_printed(daemon: Daemon) -> None:
    hangs = daemon.home / "hangs"
    check = daemon.home / "check"
    check.write_text(f"#!/bin/sh\ntest -e {hangs} && exec sleep 1000\necho no space; exit 3\n")
    check.chmod(0o755)
    events = start(daemon, watcher("web", {"health.command": f"{check} 'with words'"}), health(action="event"))

    event = events.until("watcher.web.health")[-1]
    hangs.touch()
    daemon.call("set", name="web", options={"health.timeout": 0.3}, waiting=True)
    daemon.call("restart", name="web", waiting=True)
    second = events.until("watcher.web.health")[-1]

    assert event.data["error"] == f"{check} 'with words': exit code 3: no space"
    assert second.data["error"] == f"{check} 'with words': not done in 0.3s"
    daemon.call("stop", name="plugin:h", waiting=True)
    wait_for(lambda: not [pid for pid in daemon.left_processes() if "1000" in procs.command_of(pid)], "no sleep left")


def test_signal_is_sent_to_the_process_that_is_not_well(daemon: Daemon) -> None:
    options = {"health.command": "/bin/false", "health.per_process": "yes", "health.signal": "USR1"}
    start(daemon, watcher("web", options, cmd=signals("web")), health(action="signal", grace=0.2))
    (pid,) = daemon.wait_ready("web").values()

    wait_for(
        lambda: [words[2] for words in daemon.said("signal", "web")][:2] == ["SIGUSR1"] * 2,
        "the signal, again after its grace",
    )

    assert daemon.pids("web") == [pid]


def test_failures_do_not_count_while_it_starts(daemon: Daemon, web: WebServer) -> None:
    web.code = 503
    events = start(daemon, watcher("web", {"health.http": web.url}), health(grace=600))
    wait_for(lambda: len(web.requests) > 8, "probes that fail")
    assert [event for event in events.so_far() if event.action == "health"] == []

    web.code = 200
    wait_for(lambda: len(web.requests) > 12, "a probe that succeeds")
    web.code = 503

    assert told(events.until("watcher.web.health")[-1]) == "unhealthy"


def test_stopped_watcher_is_not_probed(daemon: Daemon, web: WebServer) -> None:
    events = start(daemon, watcher("web", {"health.http": web.url}), watcher("other"), health())
    wait_for(lambda: web.requests, "a probe")

    daemon.call("stop", name="web", waiting=True)
    web.code = 500
    asked = len(web.requests)
    daemon.call("set", name="other", options={"health.http": web.url + "other", "health.action": "event"})
    seen = events.until("watcher.other.health")

    assert [event.topic for event in seen if event.topic in {"watcher.web.start", "watcher.web.health"}] == []
    assert {path for path, _ in web.requests[asked + 1 :]} == {"/other"}


def test_options_are_taken_when_they_are_set(daemon: Daemon, web: WebServer) -> None:
    start(daemon, watcher("web"), health(action="event"))

    daemon.call("set", name="web", options={"health.http": web.url, "health.interval": 0.1})
    wait_for(lambda: len(web.requests) > 2, "probes")
    told = daemon.call("get", name="web", keys=["health.interval"])

    assert told["options"] == {"health.interval": 0.1}


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("http", "ftp://x", "not a URL"),
        ("tcp", "nowhere", "neither HOST:PORT nor"),
        ("tcp", "host:99999", "not a port"),
        ("interval", "0", "not more than 0"),
        ("action", "explode", "Action"),
        ("command", "it's", "quotation"),
    ],
)
def test_bad_option_of_a_watcher_is_refused(daemon: Daemon, option: str, value: str, why: str) -> None:
    daemon.write(watcher("web", {f"health.{option}": value}), health())

    done = subprocess.run(
        [*daemon.flavour.circusd, "--check", str(daemon.config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert f"[watcher:web] health.{option} = {value!r}" in done.stderr and why.lower() in done.stderr.lower()


def test_options_that_no_plugin_reads_are_told(daemon: Daemon) -> None:
    daemon.start(watcher("web", {"health.http": "http://x/", "flapping.attempts": 3}), plugin("f", "flapping"))

    assert "[watcher:web] health.http does nothing without the plugin; add [plugin:health]" in daemon.log
    assert "flapping.attempts does nothing" not in daemon.log
