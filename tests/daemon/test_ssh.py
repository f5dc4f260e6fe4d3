"""Through an ssh tunnel, to a real sshd: programs and clients."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.async_client import AsyncCircusClient
from circus_core.client import CircusClient
from circus_core.consumer import CircusConsumer
from circus_core.errors import CallError
from tests.support import procs, sshd
from tests.support.daemon import Daemon
from tests.support.ini import watcher
from tests.support.ports import free_ports
from tests.support.sshd import SshServer
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.differs("it needs pexpect"),
    pytest.mark.skipif(sshd.PROGRAM is None, reason="needs sshd: apt-get install openssh-server"),
]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """A server that knows us, and a client that knows it."""
    server = SshServer(tmp_path)
    monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
    yield server
    server.stop()


@pytest.fixture(params=["tcp", "ipc"])
def reached(request: pytest.FixtureRequest, daemon: Daemon) -> Daemon:
    """A daemon that runs, with endpoints on ports or, as the published clients could not reach, on unix sockets."""
    if request.param == "tcp":
        daemon.endpoint, daemon.pubsub_endpoint = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    daemon.start(watcher("web"))
    return daemon


def tunnels() -> list[int]:
    """Return the pids of the ssh processes that are ours."""
    return [pid for pid in procs.children_of(os.getpid()) if "ssh -F" in procs.command_of(pid)]


def test_circusctl_commands_a_daemon_behind_ssh(reached: Daemon, server: SshServer) -> None:
    done = reached.ctl("--ssh", server.address, "--ssh_keyfile", str(server.keyfile), "status")

    assert (done.returncode, done.stdout, done.stderr) == (0, "web: active\n", "")
    assert "Accepted publickey" in server.log
    wait_for(lambda: "Disconnected from user" in server.log, "the login to end with circusctl")


def test_circusctl_listens_to_a_daemon_behind_ssh(reached: Daemon, server: SshServer) -> None:
    words = ["--endpoint", reached.endpoint, "--ssh", server.address, "--ssh_keyfile", str(server.keyfile), "listen"]
    env = {**os.environ, "TMPDIR": str(reached.home)}
    with subprocess.Popen([*reached.flavour.circusctl, *words], stdout=subprocess.PIPE, text=True, env=env) as listener:
        assert listener.stdout is not None
        wait_for(lambda: server.log.count("Accepted publickey") == 2, "both tunnels")
        ticker = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                f"while :; do {reached.flavour.circusctl[0]} --endpoint {reached.endpoint} incr web; done",
            ],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            assert listener.stdout.readline().startswith("watcher.web.")
        finally:
            os.killpg(ticker.pid, 9)
            ticker.wait()
            listener.terminate()
    assert list(reached.home.glob("circus-ssh-*")) == []


def test_clients_reach_a_daemon_behind_ssh(reached: Daemon, server: SshServer) -> None:
    how = {"ssh_server": server.address, "ssh_keyfile": str(server.keyfile)}
    with CircusClient(endpoint=reached.endpoint, timeout=60, **how) as client:
        assert client.send_message("status")["statuses"] == {"web": "active"}
        with CircusConsumer(["watcher.web"], endpoint=reached.pubsub_endpoint, **how) as consumer:
            consumer.synchronise(timeout=60)
            client.send_message("set", name="web", options={"graceful_timeout": 3})
            assert consumer.recv_message()[0] == b"watcher.web.updated"

    async def scenario() -> None:
        async with AsyncCircusClient(endpoint=reached.endpoint, **how) as other:
            assert (await other.send_message("numwatchers"))["numwatchers"] == 1

    asyncio.run(scenario())


def test_tunnel_ends_with_its_client(reached: Daemon, server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(reached.home))
    client = CircusClient(endpoint=reached.endpoint, ssh_server=server.address, ssh_keyfile=str(server.keyfile))
    client.send_message("status")
    assert len(tunnels()) == 1
    client.stop()

    wait_for(lambda: not tunnels(), "ssh to end")
    assert list(reached.home.glob("circus-ssh-*")) == []


def test_tunnel_that_broke_is_made_again(reached: Daemon, server: SshServer) -> None:
    how = {"ssh_server": server.address, "ssh_keyfile": str(server.keyfile)}
    client = CircusClient(endpoint=reached.endpoint, timeout=60, **how)
    assert client.send_message("numwatchers")["numwatchers"] == 1
    server.stop()
    client.timeout = 1
    with pytest.raises(CallError):
        client.send_message("numwatchers")
    server.start()

    def answers() -> bool:
        try:
            return client.send_message("numwatchers")["numwatchers"] == 1
        except CallError:
            return False

    wait_for(answers, "an answer through another tunnel")
    client.stop()


def test_login_that_is_refused_says_so(reached: Daemon, server: SshServer) -> None:
    stranger = server.keyfile.with_name("stranger")
    done = reached.ctl("--ssh", server.address, "--ssh_keyfile", str(stranger), "status")

    assert done.returncode == 1
    assert f"error: --ssh {server.address}: no tunnel: " in done.stderr
    assert "Permission denied" in done.stderr
    assert f"does `ssh -p {server.address.rpartition(':')[2]} -i {stranger} -- " in done.stderr


def test_daemon_that_is_not_there_behind_the_tunnel_says_so(daemon: Daemon, server: SshServer) -> None:
    words = ["--ssh", server.address, "--ssh_keyfile", str(server.keyfile), "--timeout", "1", "status"]
    done = daemon.ctl(*words)

    assert done.returncode == 1
    assert done.stderr.startswith("Timed out.\n")
    assert f"as seen from {server.address}" in done.stderr
