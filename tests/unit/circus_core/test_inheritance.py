"""Which sockets a child gets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from circus_core.errors import SocketError
from circus_core.inheritance import Inherited, descriptors_for, listen_fds_environment
from circus_core.options import SocketConfig, WatcherConfig
from circus_core.sockets import ManagedSocket
from circus_core.spawner import OpenFd, StoredFd

WEB, API, OWN = StoredFd("socket:web"), StoredFd("socket:api"), "own"


@pytest.fixture
def sockets() -> Iterator[dict[str, ManagedSocket]]:
    """Three: ``web`` is 102, ``api`` 101, ``own`` has so_reuseport, 103."""
    found = {}
    for name, number in (("web", 102), ("api", 101), (OWN, 103)):
        found[name] = ManagedSocket(SocketConfig(name=name, host="127.0.0.1", port=0, so_reuseport=name == OWN))
        found[name].number = number
    yield found
    for sock in found.values():
        sock.close()


@pytest.fixture
def inherit(sockets: dict[str, ManagedSocket]) -> Iterator[Any]:
    made: list[Inherited] = []

    def make(**options: Any) -> Inherited:
        made.append(descriptors_for(WatcherConfig(name="w", **options), sockets))
        return made[-1]

    yield make
    for inherited in made:
        inherited.close()


def test_without_use_sockets_a_child_gets_none(inherit: Any) -> None:
    got = inherit(cmd="serve $(circus.sockets.web)")
    assert (got.fds, got.stdin, got.env, got.listen_pid) == ({}, None, {}, False)


def test_use_sockets_gives_what_the_command_names_at_its_own_number(inherit: Any) -> None:
    got = inherit(cmd="serve $(circus.sockets.web)", use_sockets=True)
    assert got.fds == {102: WEB}
    assert not got.listen_pid


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"cmd": "serve $(circus.sockets.own)"}, id="cmd"),
        pytest.param({"cmd": "serve", "args": "--fd ((CIRCUS.SOCKETS.OWN))"}, id="args-any-case"),
        pytest.param({"cmd": "serve", "args": ["--fd", "$(circus.sockets.Own)"]}, id="list-of-args"),
        pytest.param({"cmd": "serve $0", "shell_args": "$(circus.sockets.own)"}, id="shell-args"),
    ],
)
def test_a_named_reuseport_socket_is_opened_for_the_child(
    inherit: Any, sockets: dict[str, ManagedSocket], options: dict[str, Any]
) -> None:
    got = inherit(use_sockets=True, **options)
    fresh = got.fds[103]
    assert isinstance(fresh, OpenFd)
    with socket.socket(fileno=os.dup(fresh.fd)) as copy:
        assert copy.getsockname() == sockets["own"].address
        assert copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    got.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fresh.fd)


def test_a_reuseport_socket_that_nobody_names_is_not_opened(inherit: Any) -> None:
    got = inherit(cmd="serve", use_sockets=True)
    assert got.fresh == ()
    assert OpenFd not in {type(fd) for fd in got.fds.values()}


def test_stdin_socket(inherit: Any) -> None:
    got = inherit(cmd="serve", stdin_socket="web")
    assert (got.stdin, got.fds) == (WEB, {})


def test_stdin_socket_with_reuseport_is_fresh(inherit: Any) -> None:
    assert isinstance(inherit(cmd="serve", stdin_socket="own").stdin, OpenFd)


def test_the_systemd_protocol_serves_a_command_that_names_no_socket(inherit: Any) -> None:
    got = inherit(cmd="gunicorn app", use_sockets=True)
    assert got.env == {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "api:web"}
    assert got.listen_pid
    assert got.fds == {3: API, 4: WEB, 101: API, 102: WEB}


def test_listen_fds_chooses_and_orders(inherit: Any) -> None:
    got = inherit(cmd="gunicorn app", listen_fds=("web",))
    assert got.env == {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
    assert got.fds == {3: WEB}

    assert inherit(cmd="x", listen_fds=("web", "api")).fds == {3: WEB, 4: API}
    assert isinstance(inherit(cmd="x", listen_fds=("own",)).fds[3], OpenFd)


def test_an_empty_listen_fds_turns_the_protocol_off(inherit: Any) -> None:
    got = inherit(cmd="serve", use_sockets=True, listen_fds=())
    assert got.env == {}
    assert got.fds == {101: API, 102: WEB}, "it may know the numbers from a hook"


@pytest.mark.parametrize(("option", "value"), [("stdin_socket", "wbe"), ("listen_fds", ("wbe",))])
def test_an_unknown_socket_is_named(inherit: Any, option: str, value: Any) -> None:
    text = rf"\[watcher:w\] {option} = 'wbe': no such socket; name a socket section, there are: api, own, web"
    with pytest.raises(SocketError, match=text):
        inherit(cmd="serve", **{option: value})


def test_a_colon_in_a_name_does_not_split_it() -> None:
    env, fds = listen_fds_environment([("a:b", WEB), ("c", API)])
    assert env == {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a_b:c"}
    assert fds == {3: WEB, 4: API}


def test_no_socket_adds_nothing() -> None:
    assert listen_fds_environment([]) == ({}, {})
