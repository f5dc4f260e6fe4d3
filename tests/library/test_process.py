"""``Process``: one child of the program."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from circus.process import DEAD_OR_ZOMBIE, RUNNING, UNEXISTING, Process
from circus.sockets import CircusSocket
from circus.stream import QueueStream, Redirector
from tests.support.waiting import wait_for


@pytest.fixture
def made() -> Iterator[list[Process]]:
    """Collects processes; they are ended."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.stop()
        process.wait(60)


def output_of(*args: Any, **options: Any) -> str:
    """Return what a process prints."""
    process = Process("p", *args, **options)
    assert process.stdout is not None
    try:
        text = process.stdout.read().decode()
        process.wait(60)
    finally:
        process.stop()
    assert process.poll() == 0
    return text


def test_documented_example(made: list[Process]) -> None:
    process = Process("Top", "exec sleep 100", shell=True)
    made.append(process)
    assert process.age() >= 0
    info = process.info()
    assert isinstance(info, dict) and info["pid"] == process.pid
    assert process.status == RUNNING
    process.stop()
    wait_for(lambda: process.status == DEAD_OR_ZOMBIE, "its end")
    process.wait()
    assert process.status == UNEXISTING
    assert process.info() == "No such process (stopped?)"
    assert process.poll() == process.returncode() == -signal.SIGTERM


def test_it_is_spawned_at_once_or_when_it_is_told_to() -> None:
    process = Process("p", 1, "true", spawn=False)
    assert (process.pid, process.status, process.is_alive()) == (0, UNEXISTING, False)
    process.spawn()
    process.wait(60)
    assert process.poll() == 0
    process.stop()


def test_variables_are_replaced() -> None:
    text = output_of(7, "echo $(circus.wid) $WID $(circus.env.A) ((circus.env.a))", env={"A": "x"}, args=["y z"])
    assert text == "7 7 x x y z\n"


def test_shell_gets_the_text_as_it_is() -> None:
    process = Process("p", 1, "echo $A; echo $(circus.wid)", shell=True, env={"A": "x"}, spawn=False)
    assert process.format_args() == ["echo $A; echo 1"]
    assert output_of(1, "echo $A; echo $(circus.wid)", shell=True, env={"A": "x"}) == "x\n1\n"


def test_format_args_splits_and_knows_sockets() -> None:
    process = Process("p", 1, "a --fd $(circus.sockets.WEB)", args="b 'c d'", spawn=False)
    assert process.format_args(sockets_fds={"web": 7}) == ["a", "--fd", "7", "b", "c d"]


def test_limits_and_user_are_set() -> None:
    text = output_of(1, "sh -c 'ulimit -n; id -u'", rlimits={"nofile": 77}, uid=os.getuid(), env=dict(os.environ))
    assert text.split() == ["77", str(os.getuid())]


def test_descriptors_are_passed_when_asked_for() -> None:
    program = "import os, sys; print(os.path.exists(f'/proc/self/fd/{sys.argv[1]}'))"
    with CircusSocket("web", host="127.0.0.1", port=0) as sock:
        sock.bind_and_listen()
        for uses in (True, False):
            options = {"args": ["-c", program, str(sock.fileno())], "use_fds": uses, "env": dict(os.environ)}
            assert output_of(1, sys.executable, **options) == f"{uses}\n"


def test_outputs_may_be_closed_or_inherited() -> None:
    process = Process("p", 1, "true", pipe_stdout=False, close_child_stderr=True)
    assert (process.stdout, process.stderr) == (None, None)
    process.wait(60)


def test_what_cannot_be_spawned_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError, match="/nonexistent/program"):
        Process("p", 1, "/nonexistent/program")


def test_wait_gives_up_in_time(made: list[Process]) -> None:
    process = Process("p", 1, "sleep 1000")
    made.append(process)
    with pytest.raises(psutil.TimeoutExpired):
        process.wait(0.05)


def test_children_are_seen_and_signalled(made: list[Process]) -> None:
    process = Process("p", 1, "sh -c 'sleep 1000 & sleep 1000 & wait'", env=dict(os.environ))
    made.append(process)
    wait_for(lambda: len(process.children()) == 2, "two children")
    pids = process.children()
    assert process.is_child(pids[0]) and not process.is_child(os.getpid())
    process.send_signal_child(pids[0], signal.SIGTERM)
    wait_for(lambda: process.children() == [pids[1]], "the end of one child")
    with pytest.raises(psutil.NoSuchProcess):
        process.send_signal_child(1, signal.SIGTERM)
    process.send_signal_children(signal.SIGTERM)
    wait_for(lambda: not process.is_alive(), "its own end")


def test_it_can_be_made_while_a_loop_runs(made: list[Process]) -> None:
    async def main() -> None:
        made.append(Process("p", 1, "sleep 1000"))

    asyncio.run(main())
    assert made[0].is_alive()


def test_redirector_moves_output_to_streams() -> None:
    out, err = QueueStream(), QueueStream()

    async def main() -> None:
        redirector = Redirector(out, err)
        process = Process("p", 1, "sh -c 'echo one; echo two >&2; read x; echo three'", close_child_stdin=True)
        redirector.add_redirections(process)
        assert redirector.start() == 2
        assert redirector.get_stream("stdout") is out
        items = [await asyncio.to_thread(out.get), await asyncio.to_thread(err.get)]
        assert [(item["data"][:3], item["name"]) for item in items] == [(b"one", "stdout"), (b"two", "stderr")]
        assert items[0]["pid"] == process.pid
        await asyncio.to_thread(process.wait, 10)
        redirector.remove_redirections(process)
        assert redirector.stop() == 0
        process.stop()

    asyncio.run(main())
