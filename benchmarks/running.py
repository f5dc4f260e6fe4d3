"""A daemon that runs, with its processes: started from its own command line, ended with all that came from it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Began, Children
from benchmarks.peers import HIGH, Peer
from tests.support import procs

START_TIMEOUT = 120.0


class Failed(Exception):
    """A measurement that did not come about."""


@dataclass
class Running:
    """*peer* as it runs in *home*; *began* are the processes of the start, *started* is when it was executed."""

    peer: Peer
    home: Path
    pid: int
    children: Children
    started: float
    began: list[Began]

    def daemon_pids(self) -> list[int]:
        """Return the processes of the supervisor itself, without those that it runs."""
        return [pid for pid in (self.pid, *procs.descendants_of(self.pid)) if pid not in self.children.pids]


@contextmanager
def running(peer: Peer, count: int) -> Iterator[Running]:
    """Run *peer* with *count* processes; all of them run when the block begins, none is left after it."""
    elsewhere = set(procs.descendants_of(os.getpid()))
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    children = Children(home)
    process = None
    try:
        command = peer.configure(home, children.program, count)
        with open(home / "log", "wb") as log:
            started = time.monotonic()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        began = children.wait(count, START_TIMEOUT)
        alive = sum(procs.is_alive(child.pid) for child in began)
        if alive < count:
            said = (home / "log").read_text(errors="replace")[-2000:]
            raise Failed(f"{peer.name}: {alive} of {count} processes run, {len(began)} began: {said}")
        yield Running(peer, home, process.pid, children, started, began)
    finally:
        if process is not None:
            _end(process, peer.stop_signal, elsewhere)
        children.close()
        shutil.rmtree(home, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], signum: int, elsewhere: set[int]) -> None:
    """Ask the daemon to end, as its users do; then end, by pid, what is left of it."""
    process.send_signal(signum)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    limit = time.monotonic() + 20
    while (left := [pid for pid in procs.descendants_of(os.getpid()) if pid not in elsewhere]) and (
        time.monotonic() < limit
    ):
        for pid in left:
            procs.kill_quietly(pid)
            procs.reap_quietly(pid)
        time.sleep(0.05)


def cpu_and_turns(pids: list[int]) -> tuple[float, float]:
    """Return the milliseconds of CPU that the threads of *pids* had, and how often they were given it."""
    cpu = turns = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            ran, _waited, slices = map(int, (task / "schedstat").read_text().split())
            cpu, turns = cpu + ran, turns + slices
    return cpu / 1e6, float(turns)


def prepare() -> None:
    """Make this process ready to run daemons: none of theirs can hide from us, all may open many files."""
    procs.become_subreaper()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else HIGH, hard))
