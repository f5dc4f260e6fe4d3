"""Managed sockets, on loopback and under ``tmp_path``."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from circus_core.errors import SocketError, SocketErrors
from circus_core.options import SocketConfig
from circus_core.sockets import ManagedSocket, SocketSet, bind_all, resolve


class StoreOnly:
    """The part of a Spawner that keeps descriptors."""

    is_durable = False

    def __init__(self) -> None:
        self.stored: dict[str, int] = {}
        self._next = 100

    def store_fd(self, name: str, fd: int, metadata: str = "") -> int:
        os.fstat(fd)
        self._next += 1
        self.stored[name] = self._next
        return self._next

    def drop_fd(self, name: str) -> None:
        self.stored.pop(name, None)


@pytest.fixture
def store() -> StoreOnly:
    return StoreOnly()


@pytest.fixture
def sockets(store: StoreOnly) -> Iterator[SocketSet]:
    found = SocketSet(store)  # type: ignore[arg-type]  # only what it uses
    yield found
    found.close()


def config(name: str = "web", **options: Any) -> SocketConfig:
    defaults: dict[str, Any] = {} if "path" in options else {"host": "127.0.0.1", "port": 0}
    return SocketConfig(name=name, **{**defaults, **options})


@pytest.fixture
def opened() -> Iterator[Any]:
    made: list[ManagedSocket] = []

    def make(**options: Any) -> ManagedSocket:
        made.append(ManagedSocket(config(**options)))
        return made[-1]

    yield make
    for sock in made:
        sock.close()


def listening(sock: ManagedSocket) -> socket.socket:
    assert sock.socket is not None
    return sock.socket


def test_a_tcp_socket_listens_at_its_real_port(opened: Any) -> None:
    sock = opened(backlog=7)

    view = sock.view()
    assert (view.name, view.host, view.backlog, view.path) == ("web", "127.0.0.1", 7, None)
    assert view.port
    with socket.create_connection((view.host, view.port)):
        listening(sock).accept()[0].close()


def test_defaults_are_reuseaddr_non_blocking_and_close_on_exec(opened: Any) -> None:
    sock = listening(opened())
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not sock.getblocking()
    assert not sock.get_inheritable()


def test_blocking(opened: Any) -> None:
    assert listening(opened(blocking=True)).getblocking()


def test_localhost_is_resolved(opened: Any) -> None:
    assert opened(host="localhost").view().host == "127.0.0.1"


def test_ipv6(opened: Any) -> None:
    view = opened(host="::1", family=socket.AF_INET6).view()
    assert view.host == "::1"
    socket.create_connection((view.host, view.port)).close()


def test_a_datagram_socket_is_bound_and_does_not_listen(opened: Any) -> None:
    sock = opened(type=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"hello", listening(sock).getsockname())
    listening(sock).setblocking(True)
    assert listening(sock).recv(10) == b"hello"


@pytest.mark.skipif(os.getuid() != 0, reason="raw sockets are for root")
def test_a_raw_socket(opened: Any) -> None:
    sock = opened(type=socket.SOCK_RAW, proto=socket.IPPROTO_ICMP)
    assert listening(sock).type == socket.SOCK_RAW


def test_a_unix_socket_takes_its_mode_from_the_umask_of_its_section(opened: Any, tmp_path: Path) -> None:
    path = tmp_path / "s"
    sock = opened(path=str(path), umask=0o027)
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert path.stat().st_uid == os.getuid()
    assert sock.view().path == str(path)
    assert sock.view().port is None


def test_without_umask_a_unix_socket_follows_the_process(opened: Any, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        opened(path=str(tmp_path / "s"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700


def test_a_path_makes_a_unix_socket_of_any_type(opened: Any, tmp_path: Path) -> None:
    sock = opened(path=str(tmp_path / "s"), type=socket.SOCK_SEQPACKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(tmp_path / "s"))
    assert listening(sock).family == socket.AF_UNIX


def test_closing_removes_the_path(tmp_path: Path) -> None:
    sock = ManagedSocket(config(path=str(tmp_path / "s")))
    sock.close()
    sock.close()
    assert not (tmp_path / "s").exists()


def test_closing_leaves_a_path_that_somebody_else_took_over(opened: Any, tmp_path: Path) -> None:
    old = opened(path=str(tmp_path / "s"))
    new = opened(path=str(tmp_path / "s"), replace=True)
    old.close()
    assert (tmp_path / "s").exists()
    new.close()
    assert not (tmp_path / "s").exists()


def test_a_stale_path_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "s"))
    with pytest.raises(SocketError, match=r"\[socket:web\] path = .*nobody listens.*replace = True"):
        ManagedSocket(config(path=str(tmp_path / "s")))
    ManagedSocket(config(path=str(tmp_path / "s"), replace=True)).close()


def test_a_path_in_use_names_its_owner(opened: Any, tmp_path: Path) -> None:
    opened(path=str(tmp_path / "s"))
    with pytest.raises(SocketError, match=rf"already in use by pid {os.getpid()} \(.+\); stop that process"):
        ManagedSocket(config(path=str(tmp_path / "s")))


def test_a_path_that_is_no_socket_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(SocketError, match="no socket is there"):
        ManagedSocket(config(path=str(tmp_path / "s"), replace=True))
    assert (tmp_path / "s").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param(
            {"host": "192.0.2.1"}, "host = '192.0.2.1': 192.0.2.1:0: no network interface", id="foreign-address"
        ),
        pytest.param({"host": "::1"}, "this is an IPv6 address; set family = AF_INET6", id="ipv6-as-ipv4"),
        pytest.param({"host": "no.such.host.invalid"}, "cannot be resolved as AF_INET ", id="unknown-host"),
        pytest.param({"family": socket.AF_UNIX}, "a unix socket needs a path; add path", id="unix-without-path"),
        pytest.param({"type": socket.SOCK_RDM}, "type = 'SOCK_RDM': not to be had", id="type-without-protocol"),
        pytest.param({"path": "/nowhere/at/all/s"}, "the directory does not exist; create it", id="no-directory"),
        pytest.param({"path": "/tmp/" + "x" * 200}, "path too long; write another path", id="path-too-long"),
        pytest.param(
            {"path": "/tmp/edges-r", "so_reuseport": True}, "a path cannot be bound twice", id="unix-reuseport"
        ),
        pytest.param({"interface": "nope0"}, "interface = 'nope0': there is no such network interface", id="interface"),
    ],
)
def test_what_cannot_be_bound_says_why(options: dict[str, Any], text: str) -> None:
    with pytest.raises(SocketError) as caught:
        ManagedSocket(config(**options))
    assert str(caught.value).startswith("[socket:web] ")
    assert text in str(caught.value)
    assert caught.value.section == "socket:web"


@pytest.mark.skipif(os.getuid() != 0, reason="SO_BINDTODEVICE is for root")
def test_interface(opened: Any) -> None:
    sock = listening(opened(interface="lo"))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).startswith(b"lo\0")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_reuseport_gives_each_child_a_socket_of_its_own_at_one_port(opened: Any, kind: socket.SocketKind) -> None:
    sock = opened(so_reuseport=True, type=kind)
    port = sock.view().port
    first, second = sock.open_for_spawn(), sock.open_for_spawn()
    with first, second:
        assert port
        assert first.getsockname()[1] == second.getsockname()[1] == port
        assert first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        assert not first.get_inheritable()


def test_what_reuseport_keeps_takes_no_connection_and_no_datagram(opened: Any) -> None:
    kept = opened(so_reuseport=True)
    assert kept.socket is None, "nothing to watch"
    tcp = kept.view()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((tcp.host, tcp.port))

    udp = opened(so_reuseport=True, type=socket.SOCK_DGRAM)
    with udp.open_for_spawn() as mine:
        for _ in range(20):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"x", mine.getsockname())
        assert sum(len(mine.recv(1)) for _ in range(20)) == 20


def test_a_set_stores_each_socket_under_its_number(sockets: SocketSet, store: StoreOnly, tmp_path: Path) -> None:
    sockets.open([config("b"), config("a", path=str(tmp_path / "s"))])
    assert sockets.numbers() == {"b": 101, "a": 102}
    assert [view.fd for view in sockets.views()] == [101, 102]
    assert sockets["a"].view().path == str(tmp_path / "s")
    assert store.stored.keys() == {"socket:a", "socket:b"}

    sockets.close(["b"])
    assert set(sockets) == {"a"}
    assert store.stored.keys() == {"socket:a"}


def test_an_adopted_socket_takes_the_place_of_one_of_its_name(sockets: SocketSet, store: StoreOnly) -> None:
    sockets.open([config("a")])
    old = sockets["a"]
    sockets.adopt(bind_all([config("a", so_reuseport=True)]))
    assert old.fileno() == -1
    assert sockets.numbers() == {"a": store.stored["socket:a"]}


def test_a_set_opens_all_or_none_and_reports_all_that_fail(
    sockets: SocketSet, store: StoreOnly, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(SocketErrors) as caught:
            sockets.open([config("a", path=str(tmp_path / "s")), config("b", port=port), config("c", host="192.0.2.1")])
    assert len(caught.value.errors) == 2
    assert f"[socket:b] port = {port}: 127.0.0.1:{port} is already bound by this circusd" in str(caught.value)
    assert not sockets
    assert not store.stored
    assert not (tmp_path / "s").exists()


def test_addresses_may_be_resolved_before(sockets: SocketSet) -> None:
    found = resolve([config("a", host="localhost")])
    assert found["a"] == ("127.0.0.1", 0)
    sockets.open([config("a", host="not.looked.up.invalid")], found)
    assert sockets["a"].view().host == "127.0.0.1"


def test_resolve_reports_every_unknown_host() -> None:
    with pytest.raises(SocketErrors) as caught:
        resolve([config("a", host="a.invalid"), config("b", host="b.invalid"), config("c")])
    assert [error.section for error in caught.value.errors] == ["socket:a", "socket:b"]
