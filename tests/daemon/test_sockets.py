"""Sockets that circusd binds and its processes serve."""

from __future__ import annotations

import os
import socket as sockets
import stat
import subprocess
import sys
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, circus, identity, socket, watcher
from tests.support.ports import free_ports
from tests.support.waiting import wait_for


def serve(name: str, where: str = "$(circus.sockets.web)") -> str:
    """Return a command that answers each connection of a socket with its pid."""
    return f"{PYTHON} {PROGRAMS}/serve.py {name} $(circus.wid) {where}"


def listed(daemon: Daemon) -> dict[str, dict[str, Any]]:
    """Return the managed sockets by name."""
    return {entry["name"]: entry for entry in daemon.call("listsockets")["sockets"]}


def ask(address: Any, family: int = sockets.AF_INET, kind: int = sockets.SOCK_STREAM) -> int:
    """Return the pid of the process that answers."""
    with sockets.socket(family, kind) as client:
        client.settimeout(60)
        client.connect(address)
        client.sendall(b"?")
        return int(client.recv(100))


def test_processes_share_one_tcp_socket(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=serve("w"), numprocesses=2, use_sockets=True))
    pids = set(daemon.wait_ready("w", 2).values())
    web = listed(daemon)["web"]

    wait_for(lambda: {ask((web["host"], web["port"])) for _ in range(10)} == pids, "both to answer")


def test_listsockets_tells_the_real_port_and_number(daemon: Daemon) -> None:
    daemon.start(socket("Web"), watcher("w", cmd=identity("w") + " $(circus.sockets.web)", use_sockets=True))

    web = listed(daemon)["web"]

    assert web["port"] > 0
    assert daemon.identity("w")["argv"][2] == str(web["fd"])
    assert daemon.identity("w")["fds"][str(web["fd"])]["socket"]


def test_without_use_sockets_a_process_gets_none(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=identity("w")))

    assert set(daemon.identity("w")["fds"]) == {"0", "1", "2"}


def test_a_replacement_serves_the_same_socket(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=serve("w"), use_sockets=True))
    (before,) = daemon.wait_ready("w").values()
    web = listed(daemon)["web"]

    os.kill(before, 9)

    assert ask((web["host"], web["port"])) != before
    assert listed(daemon)["web"] == web


def test_the_socket_stays_open_while_its_watcher_is_stopped(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=serve("w"), use_sockets=True))
    web = listed(daemon)["web"]
    daemon.call("stop", name="w", waiting=True)

    with sockets.create_connection((web["host"], web["port"]), timeout=60) as client:
        client.sendall(b"?")
        daemon.call("start", name="w")
        assert int(client.recv(100)) == daemon.pids("w")[0]


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="this machine has no IPv6")
def test_ipv6(daemon: Daemon) -> None:
    daemon.start(
        socket("web", family="AF_INET6", host="::1"), watcher("w", cmd=serve("w"), use_sockets=True, numprocesses=2)
    )
    pids = set(daemon.wait_ready("w", 2).values())

    assert ask(("::1", listed(daemon)["web"]["port"]), sockets.AF_INET6) in pids


def test_unix_socket(daemon: Daemon) -> None:
    path = daemon.home / "web.sock"
    daemon.start(socket("web", path=path), watcher("w", cmd=serve("w"), use_sockets=True))

    assert ask(str(path), sockets.AF_UNIX) in daemon.pids("w")
    assert listed(daemon)["web"]["path"] == str(path)


@pytest.mark.differs("B21: reads the mask as decimal")
@pytest.mark.parametrize(("umask", "mode"), [("000", 0o777), ("022", 0o755), ("117", 0o660)])
def test_unix_socket_umask_is_octal(daemon: Daemon, umask: str, mode: int) -> None:
    path = daemon.home / "web.sock"
    daemon.start(socket("web", path=path, umask=umask), watcher("w"))

    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_replace_takes_over_a_stale_unix_socket(daemon: Daemon) -> None:
    path = daemon.home / "web.sock"
    with sockets.socket(sockets.AF_UNIX) as stale:
        stale.bind(str(path))
    daemon.start(socket("web", path=path, replace=True), watcher("w", cmd=serve("w"), use_sockets=True))

    assert ask(str(path), sockets.AF_UNIX) in daemon.pids("w")


@pytest.mark.differs("B4: exits 0")
def test_an_existing_path_without_replace_refuses_the_start(daemon: Daemon) -> None:
    path = daemon.home / "web.sock"
    path.write_text("precious")
    daemon.write(socket("web", path=path), watcher("w"))
    daemon.launch(str(daemon.config))

    assert daemon.wait_exit() == 1
    assert str(path) in daemon.log
    assert path.read_text() == "precious"


def test_datagram_socket(daemon: Daemon) -> None:
    daemon.start(socket("web", type="SOCK_DGRAM"), watcher("w", cmd=serve("w"), use_sockets=True))
    web = listed(daemon)["web"]

    assert ask((web["host"], web["port"]), kind=sockets.SOCK_DGRAM) in daemon.pids("w")


@pytest.mark.parametrize(("blocking", "flag"), [(False, True), (True, False)], ids=["default", "blocking"])
def test_blocking(daemon: Daemon, blocking: bool, flag: bool) -> None:
    options = {"blocking": True} if blocking else {}
    daemon.start(socket("web", options), watcher("w", cmd=identity("w") + " $(circus.sockets.web)", use_sockets=True))
    fd = int(daemon.identity("w")["argv"][2])
    pid = daemon.identity("w")["pid"]

    with open(f"/proc/{pid}/fdinfo/{fd}") as info:
        flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags"))
    assert bool(flags & os.O_NONBLOCK) is flag


def test_reuseport_gives_each_process_a_socket_of_its_own(daemon: Daemon) -> None:
    (port,) = free_ports(1)
    daemon.start(
        socket("web", port=port, so_reuseport=True), watcher("w", cmd=serve("w"), use_sockets=True, numprocesses=3)
    )
    pids = set(daemon.wait_ready("w", 3).values())

    wait_for(lambda: {ask(("127.0.0.1", port)) for _ in range(20)} == pids, "all three to answer")


@pytest.mark.differs("B23: only in cmd, only in lower case")
def test_reuseport_in_args_in_any_case(daemon: Daemon) -> None:
    (port,) = free_ports(1)
    program = f"{PYTHON} {PROGRAMS}/serve.py w $(circus.wid)"
    daemon.start(
        socket("web", port=port, so_reuseport=True),
        watcher("w", cmd=program, args="$(circus.sockets.WEB)", use_sockets=True, numprocesses=2),
    )
    pids = set(daemon.wait_ready("w", 2).values())

    wait_for(lambda: {ask(("127.0.0.1", port)) for _ in range(20)} == pids, "both to answer")


@pytest.mark.differs("B22: crashes")
@pytest.mark.skipif(os.getuid() != 0, reason="needs root; run the tests as root, as the CI does")
def test_interface_binds_to_the_device(daemon: Daemon) -> None:
    daemon.start(socket("web", interface="lo"), watcher("w", cmd=serve("w"), use_sockets=True))
    web = listed(daemon)["web"]

    assert ask((web["host"], web["port"])) in daemon.pids("w")


@pytest.mark.differs("it does not know LISTEN_FDS")
def test_listen_fds_for_a_watcher_that_names_no_socket(daemon: Daemon) -> None:
    daemon.start(socket("a"), socket("b"), watcher("w", cmd=identity("w"), use_sockets=True))

    facts = daemon.identity("w")

    assert facts["env"]["LISTEN_FDS"] == "2"
    assert facts["env"]["LISTEN_PID"] == str(facts["pid"])
    assert sorted(facts["env"]["LISTEN_FDNAMES"].split(":")) == ["a", "b"]
    assert facts["fds"]["3"]["socket"]
    assert facts["fds"]["4"]["socket"]


@pytest.mark.differs("it does not know LISTEN_FDS")
def test_no_listen_fds_for_a_watcher_that_names_a_socket(daemon: Daemon) -> None:
    daemon.start(socket("a"), watcher("w", cmd=identity("w") + " $(circus.sockets.a)", use_sockets=True))

    assert not [name for name in daemon.identity("w")["env"] if name.startswith("LISTEN")]


@pytest.mark.differs("it does not know LISTEN_FDS")
def test_listen_fds_option_chooses_sockets_and_their_order(daemon: Daemon) -> None:
    daemon.start(
        socket("a"), socket("b"), socket("c"), watcher("w", cmd=identity("w"), use_sockets=True, listen_fds="c,a")
    )

    got = daemon.identity("w")["env"]

    assert (got["LISTEN_FDS"], got["LISTEN_FDNAMES"]) == ("2", "c:a")


@pytest.mark.differs("B4: exits 0 and tells no owner")
def test_a_busy_address_names_itself_and_its_owner(daemon: Daemon) -> None:
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    owner = subprocess.Popen([sys.executable, "-c", f"{code}; time.sleep(3600)"], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        daemon.write(socket("web", port=port), watcher("w"))
        daemon.launch(str(daemon.config))

        assert daemon.wait_exit() == 1
    finally:
        owner.kill()
        owner.communicate()
    assert f"127.0.0.1:{port}" in daemon.log
    assert str(owner.pid) in daemon.log
    assert "Traceback" not in daemon.log
    assert daemon.output == ""


def test_on_demand_waits_for_the_first_connection(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=serve("w"), use_sockets=True, on_demand=True), circus(check_delay=0.2))
    web = listed(daemon)["web"]
    assert daemon.pids("w") == []

    pid = ask((web["host"], web["port"]))

    assert daemon.pids("w") == [pid]
    daemon.wait_status("w", "active")


@pytest.mark.differs("B25: a connection starts what an operator stopped")
def test_on_demand_starts_nothing_else(daemon: Daemon) -> None:
    daemon.start(
        socket("web"), watcher("w", cmd=serve("w"), use_sockets=True, on_demand=True), watcher("other", priority=9)
    )
    daemon.call("stop", name="other", waiting=True)
    web = listed(daemon)["web"]

    ask((web["host"], web["port"]))

    assert daemon.status("other") == "stopped"


@pytest.mark.differs("B24: only the first watcher starts")
def test_two_on_demand_watchers_start_for_their_own_socket(daemon: Daemon) -> None:
    daemon.start(
        socket("a"),
        socket("b"),
        watcher("a", cmd=serve("a", "$(circus.sockets.a)"), use_sockets=True, on_demand=True, priority=5),
        watcher("b", cmd=serve("b", "$(circus.sockets.b)"), use_sockets=True, on_demand=True),
    )

    for name in ("b", "a"):
        where = listed(daemon)[name]
        assert ask((where["host"], where["port"])) in daemon.pids(name)


@pytest.mark.differs("it may miss the next connection")
def test_on_demand_goes_back_to_waiting(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=serve("w"), use_sockets=True, on_demand=True))
    web = listed(daemon)["web"]
    first = ask((web["host"], web["port"]))

    os.kill(first, 9)
    wait_for(lambda: not daemon.pids("w"), "the process to be collected")

    assert ask((web["host"], web["port"])) != first
