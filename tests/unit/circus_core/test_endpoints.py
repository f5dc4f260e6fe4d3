"""Addresses that are bound before there is a ZeroMQ socket for them."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from pathlib import Path

import pytest
import zmq

from circus_core._listener import listen
from circus_core.controller import make_socket
from circus_core.endpoints import Endpoint
from circus_core.errors import ConfigError
from tests.support.ports import free_ports


@pytest.mark.parametrize(
    "address",
    [
        "ipc://@abstract",
        "ipc://*",
        "ipc:///" + "x" * 107,
        "ipc:///a\0b",
        "tcp://*:5555",
        "tcp://localhost:5555",
        "tcp://127.0.0.1:*",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65536",
        "tcp://[::1]:5555",
        "tcp://127.1:5555",
        "inproc://name",
        "nonsense",
    ],
)
def test_what_only_libzmq_knows_is_left_to_it(address: str) -> None:
    assert listen(address) is None


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_who_connects_before_there_is_a_socket_is_answered_by_it(kind: str, tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/endpoint" if kind == "ipc" else f"tcp://127.0.0.1:{free_ports(1)[0]}"
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        endpoint = Endpoint(partial(make_socket, context), "endpoint")
        asyncio.run(endpoint.bind(address))
        client.connect(endpoint.address)
        client.send(b"hello")
        assert endpoint.listener is not None
        assert endpoint.listener.fileno() >= 0

        *route, text = endpoint.socket.recv_multipart()
        endpoint.socket.send_multipart([*route, text.upper()])

        assert endpoint.listener is None
        assert client.recv() == b"HELLO"
        endpoint.close()
        assert not (tmp_path / "endpoint").exists()


def test_an_address_that_was_never_used_is_free_again(tmp_path: Path) -> None:
    def no_socket() -> zmq.Socket[bytes]:
        raise AssertionError("nobody needs one")

    for _ in range(2):
        endpoint = Endpoint(no_socket, "endpoint")
        asyncio.run(endpoint.bind(f"ipc://{tmp_path}/endpoint"))
        endpoint.close()
        endpoint.close()
    assert os.listdir(tmp_path) == []


def test_an_address_that_somebody_has_is_refused_with_who_it_is(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        endpoint = Endpoint(partial(make_socket, zmq.Context.instance()), "endpoint")
        with pytest.raises(ConfigError, match=rf"the address is taken by pid {os.getpid()} "):
            asyncio.run(endpoint.bind(f"tcp://127.0.0.1:{port}"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_socket_stays_where_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "important"
    if kind == "file":
        path.write_text("precious")
    else:
        path.mkdir()
    endpoint = Endpoint(partial(make_socket, zmq.Context.instance()), "endpoint")

    with pytest.raises(ConfigError, match="something that is no socket is there; write another path"):
        asyncio.run(endpoint.bind(f"ipc://{path}"))

    endpoint.close()
    assert path.is_dir() if kind == "folder" else path.read_text() == "precious"


def test_a_socket_file_that_nobody_listens_at_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "endpoint"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    sock = listen(f"ipc://{path}")

    assert sock is not None
    with sock, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
