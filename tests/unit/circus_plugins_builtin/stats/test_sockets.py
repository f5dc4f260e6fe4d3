"""Counts of sockets, from what the kernel tells."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from circus_plugins_builtin.stats.netlink import SocketDiag
from circus_plugins_builtin.stats.sockets import SocketFigures


def has_sock_diag() -> bool:
    try:
        SocketDiag().close()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_sock_diag(), reason="this system has no sock_diag")


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def figures(clock: Clock) -> Iterator[SocketFigures]:
    figures = SocketFigures(clock)
    yield figures
    figures.close()


def told(figures: SocketFigures, clock: Clock, *, after: float = 1.0) -> dict[str, Any]:
    """Return the only payload, a second later."""
    clock.now += after
    (payload,) = figures.payloads()
    return payload


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_queue_hits_and_connections(figures: SocketFigures, clock: Clock, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family, backlog=7)
    except OSError:
        pytest.skip(f"no {host} here")
    address = server.getsockname()
    with server:
        figures.watch([{"fd": 6, "name": "web", "backlog": 7, "host": host, "port": address[1]}])
        first = told(figures, clock)
        assert first == {
            "fd": 6,
            "subtopic": 6,
            "reads": 0,
            "address": f"{host}:{address[1]}",
            "name": "web",
            "queue": 0,
            "backlog": 7,
            "accepted": 0.0,
            "connections": 0,
        }
        with socket.create_connection(address[:2]), socket.create_connection(address[:2]):
            figures.look()
            figures.look()
            waiting = told(figures, clock)
            assert (waiting["reads"], waiting["queue"], waiting["accepted"], waiting["connections"]) == (2, 2, 0.0, 0)
            with server.accept()[0]:
                served = told(figures, clock, after=2.0)
                assert (served["reads"], served["queue"], served["connections"]) == (0, 1, 1)
                assert served["accepted"] == 0.5, "one in two seconds"


def test_connections_that_are_over_count(figures: SocketFigures, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        listed = {"fd": 6, "name": "web", "backlog": 128, "host": "127.0.0.1", "port": server.getsockname()[1]}
        figures.watch([listed])
        told(figures, clock)
        for _ in range(300):
            for one in (server, other):
                with socket.create_connection(one.getsockname()):
                    one.accept()[0].close()
        figures.look()
        counted = told(figures, clock)["accepted"]
        # The kernel tells of the last ones a moment later; none is counted twice.
        for _ in range(200):
            if counted >= 300:
                break
            counted += told(figures, clock)["accepted"]
        assert counted == 300
        assert told(figures, clock)["accepted"] == 0.0
        figures.watch([listed])
        assert told(figures, clock)["accepted"] == 0.0, "the counts of a socket that stays go on"


def test_unix_socket(figures: SocketFigures, clock: Clock, tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(5)
        figures.watch([{"fd": 6, "name": "web", "backlog": 5, "path": path}])
        assert told(figures, clock)["connections"] == 0
        with socket.socket(socket.AF_UNIX) as client, socket.socket(socket.AF_UNIX) as late:
            client.connect(path)
            late.connect(path)
            with server.accept()[0]:
                figures.look()
                payload = told(figures, clock)
                assert (payload["address"], payload["reads"], payload["queue"], payload["backlog"]) == (path, 1, 1, 5)
                assert (payload["connections"], payload["accepted"]) == (1, "N/A")


def test_datagram_socket_has_hits_only(figures: SocketFigures, clock: Clock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        figures.watch([{"fd": 6, "name": "log", "backlog": 0, "host": "127.0.0.1", "port": port}])
        figures.look()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", ("127.0.0.1", port))
        figures.look()
        payload = told(figures, clock)
        assert payload["reads"] == 1
        assert {payload[key] for key in ("queue", "backlog", "accepted", "connections")} == {"N/A"}


def test_socket_that_is_not_there_is_unknown(figures: SocketFigures, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    figures.watch([{"fd": 6, "name": "web", "backlog": 5, "host": "127.0.0.1", "port": port}])
    payload = told(figures, clock)
    assert (payload["reads"], payload["queue"], payload["connections"]) == (0, "N/A", "N/A")


def test_wildcard_socket_has_the_connections_of_every_address(figures: SocketFigures, clock: Clock) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        figures.watch([{"fd": 6, "name": "web", "backlog": 5, "host": "0.0.0.0", "port": port}])
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert told(figures, clock)["connections"] == 1
