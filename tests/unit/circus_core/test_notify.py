"""What systemd is told."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket and its name in the environment."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@circus-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0", 1))
        sock.settimeout(5)
        yield sock, name


def test_each_state_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("3 watchers\nrun")
    notifier.reloading()
    notifier.stopping()
    assert sock.recv(200) == f"READY=1\nMAINPID={os.getpid()}".encode()
    assert sock.recv(200) == b"STATUS=3 watchers run"
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", sock.recv(200))
    assert sock.recv(200) == b"STOPPING=1"


def test_the_variable_is_not_for_children() -> None:
    environ = {"NOTIFY_SOCKET": "/x", "OTHER": "1"}
    Notifier(environ)
    assert environ == {"OTHER": "1"}


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such"}, {"NOTIFY_SOCKET": "x" * 300}]
)
def test_nobody_to_tell_it_to_is_no_trouble(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    notifier.stopping()


def test_a_manager_that_does_not_read_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "n"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n")})
        for _ in range(1000):
            notifier.status("busy")
