"""Where the three standard descriptors of a process lead."""

from __future__ import annotations

import os
import socket as sockets

import pytest

from tests.support.daemon import Daemon
from tests.support.ini import PYTHON, identity, socket, watcher
from tests.support.waiting import wait_for

FILES = {"stdout_stream.class": "FileStream", "stderr_stream.class": "FileStream"}


@pytest.mark.parametrize(
    ("option", "fd"), [("close_child_stdin", "0"), ("close_child_stdout", "1"), ("close_child_stderr", "2")]
)
def test_close_child_leads_to_dev_null(daemon: Daemon, option: str, fd: str) -> None:
    daemon.start(watcher("w", {"cmd": "sleep 3600", option: True}))
    (pid,) = daemon.pids("w")

    assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"


def test_stdin_can_be_circusds_own(daemon: Daemon) -> None:
    daemon.start(
        watcher("w", cmd=identity("w"), close_child_stdin=False),
        via=["/bin/sh", "-c", 'exec "$@" < /etc/passwd', "sh"],
    )

    assert daemon.identity("w")["fds"]["0"]["target"] == "/etc/passwd"


def test_without_a_stream_a_process_writes_where_circusd_does(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd=identity("w")))

    fds = daemon.identity("w")["fds"]

    assert (fds["1"]["target"], fds["2"]["target"]) == (str(daemon.home / "stdout"), str(daemon.home / "stderr"))


def test_file_streams_take_stdout_and_stderr_apart(daemon: Daemon) -> None:
    out, err = daemon.home / "out.log", daemon.home / "err.log"
    files = {**FILES, "stdout_stream.filename": out, "stderr_stream.filename": err}
    daemon.start(watcher("w", {"cmd": "/bin/sh -c 'echo one; echo two >&2; exec sleep 3600'", **files}))

    wait_for(lambda: out.exists() and out.read_text() == "one\n", "standard output")
    wait_for(lambda: err.exists() and err.read_text() == "two\n", "standard error")


def test_a_file_stream_without_class(daemon: Daemon) -> None:
    out = daemon.home / "out.log"
    daemon.start(watcher("w", {"cmd": "/bin/sh -c 'echo one; exec sleep 3600'", "stdout_stream.filename": out}))

    wait_for(lambda: out.exists() and out.read_text() == "one\n", "standard output")


@pytest.mark.differs("it mixes what processes write in the middle of lines")
def test_one_file_for_all_processes_keeps_their_lines_whole(daemon: Daemon) -> None:
    out = daemon.home / "out.log"
    code = "import os\nfor i in range(2000): os.write(1, (str(os.getpid()) * 20)[:99].encode() + bytes([10]))"
    program = daemon.home / "program.py"
    program.write_text(f"{code}\nimport signal\nsignal.pause()\n")
    daemon.start(watcher("w", {"cmd": f"{PYTHON} {program}", "numprocesses": 3, "stdout_stream.filename": out}))

    wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") == 6000, "every line")

    lines = out.read_text().splitlines()
    whole = {(str(pid) * 20)[:99] for pid in daemon.pids("w")}
    assert set(lines) == whole


def test_stdout_stream_prints_on_circusds_own(daemon: Daemon) -> None:
    cmd = "/bin/sh -c 'echo ready w $$; exec sleep 3600'"
    daemon.start(watcher("w", {"cmd": cmd, "stdout_stream.class": "StdoutStream"}))

    wait_for(lambda: daemon.said("ready", "w"), "its output")


def test_stdin_socket_is_descriptor_0(daemon: Daemon) -> None:
    daemon.start(socket("web"), watcher("w", cmd=identity("w"), stdin_socket="web"))

    fds = daemon.identity("w")["fds"]

    assert fds["0"]["socket"]


def test_a_process_serves_from_its_stdin_socket(daemon: Daemon) -> None:
    code = "import socket; s = socket.socket(fileno=0); s.setblocking(True); s.accept()[0].sendall(b'hello')"
    daemon.start(socket("web"), watcher("w", cmd=f'{PYTHON} -c "{code}"', stdin_socket="web"))
    (web,) = daemon.call("listsockets")["sockets"]

    with sockets.create_connection((web["host"], web["port"])) as client:
        assert client.recv(5) == b"hello"
