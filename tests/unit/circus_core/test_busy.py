"""Who holds an address."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from circus_core.busy import describe_owner, tcp_owner, udp_owner, unix_owner

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")


@pytest.mark.parametrize(
    ("family", "host", "asked"),
    [
        pytest.param(socket.AF_INET, "127.0.0.1", "127.0.0.1", id="same"),
        pytest.param(socket.AF_INET, "0.0.0.0", "127.0.0.1", id="wildcard-has-all"),
        pytest.param(socket.AF_INET, "127.0.0.1", "0.0.0.0", id="wildcard-wants-all"),
        pytest.param(socket.AF_INET6, "::1", "::1", id="ipv6"),
        pytest.param(socket.AF_INET6, "::", "127.0.0.1", id="ipv6-wildcard-has-ipv4-too"),
    ],
)
def test_a_tcp_listener_is_found(family: socket.AddressFamily, host: str, asked: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        owner = tcp_owner(asked, server.getsockname()[1])
    assert owner is not None
    assert owner.pid == os.getpid()
    assert Path(sys.executable).name.removesuffix("3") in str(owner)


def test_another_address_or_port_is_not_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert tcp_owner("127.0.0.2", port) is None
    assert tcp_owner("127.0.0.1", port) is None


def test_a_udp_socket_is_found() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        owner = udp_owner("127.0.0.1", server.getsockname()[1])
    assert owner is not None
    assert owner.pid == os.getpid()


def test_a_unix_socket_is_found(tmp_path: Path) -> None:
    path = str(tmp_path / "with space")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        owner = unix_owner(path)
    assert owner is not None
    assert owner.pid == os.getpid()
    assert unix_owner(path) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "*", "lo"])
def test_an_endpoint_is_described(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert describe_owner(f"tcp://{host}:{port}").startswith(f"pid {os.getpid()} (")


def test_an_ipc_endpoint_is_described(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert describe_owner(f"ipc://{tmp_path / 's'}").startswith(f"pid {os.getpid()} (")


@pytest.mark.parametrize("endpoint", ["ipc:///nowhere", "tcp://127.0.0.1:1", "tcp://", "inproc://x", "junk"])
def test_what_has_no_known_owner_is_empty(endpoint: str) -> None:
    assert describe_owner(endpoint) == ""
