"""The stacks in ``examples`` run as they are, apart from their addresses."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.daemon import Daemon
from tests.support.load import Load
from tests.support.waiting import wait_for

ROOT: Final = Path(__file__).parents[2]


def start(daemon: Daemon, example: str) -> tuple[str, int]:
    """Run ``circusd`` on an example with our endpoints and a free port; return the address of its socket."""
    text = (ROOT / "examples" / example).read_text()
    text = re.sub(r"^endpoint = .*", f"endpoint = {daemon.endpoint}", text, flags=re.MULTILINE)
    text = re.sub(r"^pubsub_endpoint = .*", f"pubsub_endpoint = {daemon.pubsub_endpoint}", text, flags=re.MULTILINE)
    daemon.config.write_text(re.sub(r"^port = .*", "port = 0", text, flags=re.MULTILINE))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    daemon.launch(str(daemon.config), cwd=ROOT, env={**os.environ, "PATH": path, "HOME": str(daemon.home)})
    daemon.wait_until_up()
    found = daemon.call("listsockets")["sockets"][0]
    return found["host"], found["port"]


def get(address: tuple[str, int]) -> str:
    """Return the whole answer to an HTTP request."""
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def pid_of(answer: str) -> int:
    found = re.search(r"hello from pid (\d+)", answer)
    assert found, answer
    return int(found[1])


def wait_pids(daemon: Daemon, without: int = 0) -> list[int]:
    """Return the pids of the three processes of ``web`` when none of them is *without*."""

    def probe() -> list[int] | None:
        pids: list[int] = daemon.call("list", name="web")["pids"]
        return pids if len(pids) == 3 and without not in pids else None

    return wait_for(probe, f"three processes without {without}")


@pytest.mark.parametrize("example", ["quickstart.ini", "gunicorn.ini", "uvicorn.ini"])
def test_three_processes_share_a_socket_and_are_replaced(daemon: Daemon, example: str) -> None:
    address = start(daemon, example)
    pids = wait_pids(daemon)
    with Load(address) as load:
        wait_for(lambda: load.served_by(pids), "all processes to answer")

        os.kill(pids[0], signal.SIGKILL)

        pids = wait_pids(daemon, without=pids[0])
        wait_for(lambda: load.served_by(pids), "all processes to answer")


def test_quickstart_shows_what_its_processes_print(daemon: Daemon) -> None:
    address = start(daemon, "quickstart.ini")
    wait_for(lambda: re.search(r"tick 1 at", daemon.output), "the ticker")
    pid = pid_of(get(address))
    wait_for(lambda: f"web {pid}:" in daemon.output, "the line about the request")


def test_echo_takes_its_socket_by_the_systemd_protocol(daemon: Daemon) -> None:
    address = start(daemon, "echo.ini")
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(100) == b"hello\n"
