"""A daemon that runs, with its processes: started from its own command line, ended with all that came from it."""

from __future__ import annotations

import compileall
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Began, Children
from benchmarks.peers import HIGH, Circus, Peer
from tests.support import procs

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("circus_core", "circus_plugins_builtin", "circus_streams", "circus_web", "circus")
START_TIMEOUT = 120.0
OLD_ENOUGH = 1.3  # seconds: younger processes are replaced later, by every supervisor that paces


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

    @property
    def circus(self) -> Circus:
        """Return the peer, which is a circus."""
        assert isinstance(self.peer, Circus), self.peer.name
        return self.peer

    def wait_until_old(self, age: float = OLD_ENOUGH) -> None:
        """Return when the processes of the start are so many seconds old."""
        time.sleep(max(0.0, max(child.at for child in self.began) + age - time.monotonic()))

    def replaced(self, pids: list[int], timeout: float = 30.0) -> float:
        """Kill *pids* and return the milliseconds until as many new processes run."""
        killed = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return self.began_since(killed, len(pids), timeout)

    def began_since(self, moment: float, count: int, timeout: float = 30.0) -> float:
        """Return the milliseconds from *moment* until the last of *count* new processes ran."""
        began = self.children.wait(count, timeout)
        if len(began) < count:
            raise Failed(f"{self.peer.name}: {len(began)} of {count} new processes ran in {timeout:g} s")
        return 1000 * (max(child.at for child in began) - moment)

    def wait_until_answering(self) -> None:
        """Return once the daemon answers."""
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            try:
                with self.peer.asking(self.home) as ask:
                    if ask is not None:
                        ask()
                    return
            except (OSError, TimeoutError):
                time.sleep(0.05)
        raise Failed(f"{self.peer.name} does not answer")

    def memory(self) -> float:
        """Return the MiB of memory of the supervisor itself; what processes share is divided among them."""
        return sum(map(_pss, self.daemon_pids())) / 1024

    def daemon_pids(self) -> list[int]:
        """Return the processes of the supervisor itself, without those that it runs."""
        return [pid for pid in (self.pid, *procs.descendants_of(self.pid)) if pid not in self.children.pids]


@contextmanager
def running(peer: Peer, count: int, *, awaits: int | None = None, links: bool = False) -> Iterator[Running]:
    """Run *peer* with *count* processes; none is left after the block.

    :param awaits: how many of them run when the block begins; all by default
    :param links: their program has the C library loaded
    """
    awaited = count if awaits is None else awaits
    elsewhere = set(procs.descendants_of(os.getpid()))
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    children = Children(home, links=links)
    process = None
    try:
        command = peer.configure(home, children.program, count)
        with open(home / "log", "wb") as log:
            started = time.monotonic()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        began = children.wait(awaited, START_TIMEOUT)
        alive = sum(procs.is_alive(child.pid) for child in began)
        if alive < awaited:
            said = (home / "log").read_text(errors="replace")[-2000:]
            raise Failed(f"{peer.name}: {alive} of {awaited} processes run, {len(began)} began: {said}")
        yield Running(peer, home, process.pid, children, started, began)
    finally:
        if process is not None:
            _end(process, elsewhere)
        children.close()
        shutil.rmtree(home, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], elsewhere: set[int]) -> None:
    """Kill, by pid, the daemon, then what is left of it: how it ends when asked to is a metric of its own."""
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


@dataclass(frozen=True)
class Plain:
    """A start of any peer with *count* processes and nothing else; metrics share the daemon of equal ones.

    :param metric: the only metric that it is for, which leaves the daemon unlike others
    :param links: the program of its processes has the C library loaded
    """

    count: int
    metric: str = ""
    links: bool = False

    def __call__(self, peer: Peer) -> AbstractContextManager[Running]:
        return running(peer, self.count, links=self.links)


def round_trips(ask: Callable[[], object], *, most: int, seconds: float) -> list[float]:
    """Return the milliseconds of each of at most *most* calls, of which one is made, the others if there is time."""
    took: list[float] = []
    limit = time.monotonic() + seconds
    while not took or (len(took) < most and time.monotonic() < limit):
        before = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - before))
    return took


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_and_turns(pids: list[int]) -> tuple[float, float]:
    """Return the milliseconds of CPU that the threads of *pids* had, and how often they were given it."""
    cpu = turns = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            ran, _waited, slices = map(int, (task / "schedstat").read_text().split())
            cpu, turns = cpu + ran, turns + slices
    return cpu / 1e6, float(turns)


def prepare() -> None:
    """Make this process ready to run daemons: none of theirs can hide from us, all may open many files.

    Our packages are compiled, as pip does when it installs a package: else each start of ours would compile them.
    """
    for package in PACKAGES:
        compileall.compile_dir(REPOSITORY / package, quiet=1)
    procs.become_subreaper()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else HIGH, hard))
