"""Servers that people run, three of each on one socket: no connection is refused, whatever happens to them."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, env, socket, watcher
from tests.support.load import Load
from tests.support.waiting import wait_for

BIN = os.path.dirname(sys.executable)
GUNICORN = f"{BIN}/gunicorn --chdir {PROGRAMS} --workers 1 --graceful-timeout 10 --log-level warning"
UVICORN = f"{BIN}/uvicorn --app-dir {PROGRAMS} --log-level warning"
SERVERS = {
    "plain": f"{PYTHON} {PROGRAMS}/serve.py web $(circus.wid) $(circus.sockets.web)",
    "gunicorn-listen-fds": f"{GUNICORN} webapp:wsgi",
    "gunicorn-fd": f"{GUNICORN} --bind fd://$(circus.sockets.web) webapp:wsgi",
    "uvicorn-fd": f"{UVICORN} --fd $(circus.sockets.web) webapp:asgi",
}


def server(kind: str) -> Section:
    module = kind.partition("-")[0]
    if module != "plain" and importlib.util.find_spec(module) is None:
        pytest.fail(f"{module} is not installed; the `test` extra has it: pip install -e '.[test]'")
    return watcher("web", cmd=SERVERS[kind], use_sockets=True, numprocesses=3, copy_env=True)


def address(daemon: Daemon) -> tuple[str, int]:
    (web,) = daemon.call("listsockets")["sockets"]
    return web["host"], web["port"]


cases = pytest.mark.parametrize(
    "kind",
    [
        "plain",
        pytest.param("gunicorn-listen-fds", marks=pytest.mark.differs("it does not know LISTEN_FDS")),
        "gunicorn-fd",
        "uvicorn-fd",
    ],
)


@cases
def test_no_connection_is_refused_while_workers_are_killed(daemon: Daemon, kind: str) -> None:
    daemon.start(socket("web"), server(kind), env(HOME=daemon.home))
    with Load(address(daemon)) as load:
        wait_for(lambda: load.answered() > 20, "answers")
        for _ in range(3):
            pids = daemon.pids("web")
            os.kill(pids[0], signal.SIGKILL)
            wait_for(lambda old=pids: set(daemon.pids("web")) - set(old) and len(daemon.pids("web")) == 3, "a new one")
        seen = load.answered()
        wait_for(lambda: load.answered() > seen + 50, "more answers")
        wait_for(lambda: load.served_by(daemon.pids("web")), "all processes to answer")

    assert "refused" not in load.failures()
    assert sum(load.failures().values()) <= 20, load.failures()  # those that a killed process was serving


@cases
def test_no_connection_is_refused_by_graceful_reloads(daemon: Daemon, kind: str) -> None:
    daemon.start(socket("web"), server(kind), env(HOME=daemon.home))
    with Load(address(daemon)) as load:
        wait_for(lambda: load.served_by(daemon.pids("web")), "all processes to answer")
        for sequential in (False, True):
            before = daemon.pids("web")
            daemon.call("reload", name="web", sequential=sequential, waiting=True)
            assert not set(before) & set(daemon.pids("web"))
            seen = load.answered()
            wait_for(lambda s=seen: load.answered() > s + 50, "more answers")
            wait_for(lambda: load.served_by(daemon.pids("web")), "all processes to answer")

    failures = load.failures()
    assert "refused" not in failures
    assert kind != "plain" or not failures, failures


@pytest.mark.differs("it does not know LISTEN_FDS")
def test_gunicorn_serves_two_sockets_of_listen_fds(daemon: Daemon) -> None:
    daemon.start(socket("a"), socket("b"), socket("c"), server("gunicorn-listen-fds"), env(HOME=daemon.home))

    for entry in daemon.call("listsockets")["sockets"]:
        with Load((entry["host"], entry["port"])) as load:
            wait_for(lambda to=load: to.served_by(daemon.pids("web")), f"all processes to answer on {entry['name']}")
