"""The keeper with stand-ins for the arbiter: whom it starts, and when."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from circus_core.keeper import start
from tests.support import procs
from tests.support.ini import PROGRAMS
from tests.support.waiting import wait_for


class Kept:
    """A keeper and its arbiters in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mode("serve")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs, open(folder / "stderr", "ab") as stderr:
            first = subprocess.Popen(
                [sys.executable, str(PROGRAMS / "stand_in_arbiter.py"), str(folder)],
                env={**os.environ, "CIRCUS_KEEPER": str(ours.fileno())},
                pass_fds=[ours.fileno()],
            )
            self.first = first
            words = [str(number) for number in (theirs.fileno(), first.pid, 0, 1024, 1024)]
            subprocess.run(start.command(words), pass_fds=[theirs.fileno()], stderr=stderr, check=True)
        wait_for(lambda: len(self.served()) == 1, "the first arbiter")
        self.child = self.served()[0][1]
        parent = procs.parent_of(self.child)
        assert parent is not None
        self.pid = parent

    def mode(self, mode: str) -> None:
        """Tell what an arbiter is to do from now on."""
        (self.folder / "mode").write_text(mode)

    def served(self) -> list[tuple[int, int]]:
        """Return the pids of arbiter and child for each arbiter that served."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[1]), int(line.split()[2])) for line in lines if line.startswith("serves")]

    @property
    def log(self) -> str:
        """What the keeper says."""
        return (self.folder / "stderr").read_text()

    def kill_arbiter(self) -> None:
        """Kill the one that serves."""
        os.kill(self.served()[-1][0], signal.SIGKILL)
        if self.first.returncode is None:
            self.first.wait()

    def close(self) -> None:
        """End all that is left."""
        for pid in (self.pid, self.first.pid, *procs.descendants_of(self.pid)):
            procs.kill_quietly(pid)
        self.first.wait()
        procs.kill_quietly(self.child)
        for pid in (self.pid, self.child):
            procs.reap_quietly(pid)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.close()


def test_the_next_arbiter_has_the_same_child(kept: Kept) -> None:
    kept.kill_arbiter()

    wait_for(lambda: len(kept.served()) == 2, "the next one")
    assert kept.served()[1][1] == kept.child
    assert procs.parent_of(kept.served()[1][0]) == kept.pid
    assert "was ended by SIGKILL; the processes run on, another one is started" in kept.log


def test_one_that_dies_at_every_start_is_tried_ever_more_slowly_and_the_log_says_what_to_do(kept: Kept) -> None:
    kept.mode("die")
    kept.kill_arbiter()

    wait_for(lambda: "Next try in 1 s" in kept.log, "the second pause")
    assert "ended with 3, 3 times in a row; the processes run on. Next try in 0.5 s." in kept.log
    assert f"`kill -HUP {kept.pid}` tries at once" in kept.log
    assert procs.is_alive(kept.child)

    kept.mode("serve")
    os.kill(kept.pid, signal.SIGHUP)
    wait_for(lambda: len(kept.served()) == 2, "the next one", 30)
    wait_for(lambda: "has taken over" in kept.log, "the keeper to say so")
    assert kept.served()[1][1] == kept.child


def test_it_ends_everything_itself_when_there_is_no_arbiter(kept: Kept) -> None:
    kept.mode("die")
    kept.kill_arbiter()
    wait_for(lambda: "Next try" in kept.log, "the first pause")

    os.kill(kept.pid, signal.SIGTERM)

    wait_for(lambda: not procs.is_alive(kept.child), "the child to end")
    wait_for(lambda: not procs.is_alive(kept.pid), "the keeper to end")
    assert "told to end while there is no arbiter" in kept.log


def test_it_ends_everything_itself_when_no_arbiter_lives_to_be_told(kept: Kept) -> None:
    kept.mode("die")
    os.kill(kept.served()[-1][0], signal.SIGSTOP)
    os.kill(kept.pid, signal.SIGTERM)

    kept.kill_arbiter()

    wait_for(lambda: not procs.is_alive(kept.child), "the child to end")
    wait_for(lambda: not procs.is_alive(kept.pid), "the keeper to end")
    assert "told to end while there is no arbiter" in kept.log


def test_a_signal_is_passed_on_and_the_keeper_ends_with_its_arbiter(kept: Kept) -> None:
    os.kill(kept.pid, signal.SIGTERM)

    wait_for(lambda: not procs.is_alive(kept.pid), "the keeper to end")
    assert "ended" in (kept.folder / "log").read_text()
    assert not procs.is_alive(kept.child)
    assert kept.log == ""


def test_an_arbiter_that_dies_of_something_else_leaves_the_end_to_the_next(kept: Kept) -> None:
    os.kill(kept.served()[-1][0], signal.SIGSTOP)
    os.kill(kept.pid, signal.SIGTERM)

    kept.kill_arbiter()

    wait_for(lambda: not procs.is_alive(kept.pid), "the keeper to end")
    assert "ended" in (kept.folder / "log").read_text()
    assert not procs.is_alive(kept.child)


def test_a_log_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """A full pipe would block who writes to it."""
    from circus_core.keeper import log

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    try:
        log.log_to(writer)
        log.log("ERROR", "lost")
    finally:
        log.log_to(2)
        os.close(reader)
        os.close(writer)


def test_the_keeper_imports_little() -> None:
    """It is on the way of every start of circusd."""
    code = (
        "import sys; program = {'__name__': 'program', '__file__': sys.argv[1]};"
        "exec(open(sys.argv[1]).read(), program); program['find_package']();"
        "import circus_core.keeper.keeper; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-E", "-c", code, start.PROGRAM], capture_output=True, text=True, check=True
    )

    names = set(done.stdout.split())
    assert "circus_core.keeper.keeper" in names
    assert not names & {"typing", "re", "logging", "asyncio", "ctypes", "json", "subprocess", "threading"}
