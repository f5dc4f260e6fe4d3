"""How long the daemon's answers take while it starts, reloads, replaces or stops a thousand processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.peers import NAME, Circus, Peer
from benchmarks.running import Failed, Running, running

COUNT = 1000
LONG = 120.0  #: seconds
Samples = dict[str, list[float]]


def stopped(peer: Peer) -> AbstractContextManager[Running]:
    """Run a circus whose processes are not started yet."""
    assert isinstance(peer, Circus)
    return running(peer.stopped(), COUNT, awaits=0)


def busy(run: Running) -> Samples:
    """Return the 99th percentile of ``status`` round trips while each of these goes on."""
    found: Samples = {}
    with run.circus.connected(run.home) as ask:

        def note(what: str, act: Callable[[], object], done: Callable[[], object]) -> None:
            if found:
                time.sleep(1.5)  # old enough not to be paced
            with _asked(run.home) as took:
                began = time.monotonic()
                act()
                done()
                ended = time.monotonic()
            found[f"status while {COUNT} {what}, p99"] = [_p99(took, began, ended)]

        note("start", lambda: ask("start", name=NAME), lambda: _began(run))
        pids = sorted(run.children.pids)
        note("are reloaded", lambda: ask("reload", name=NAME), lambda: _reloaded(run, pids))
        pids = sorted(run.children.pids - set(pids))
        note("die at once", lambda: _kill(pids), lambda: _began(run))
        note("stop", lambda: ask("stop", name=NAME), lambda: _stopped(ask))
    return found


def _kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _began(run: Running) -> None:
    run.began_since(time.monotonic(), COUNT, LONG)


def _reloaded(run: Running, pids: list[int]) -> None:
    _began(run)
    limit = time.monotonic() + LONG
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        if time.monotonic() > limit:
            raise Failed("what was reloaded did not end")
        time.sleep(0.02)


def _stopped(ask: Callable[..., dict[str, object]]) -> None:
    limit = time.monotonic() + LONG
    while ask("status", name=NAME)["status"] != "stopped":
        if time.monotonic() > limit:
            raise Failed("what was stopped runs on")
        time.sleep(0.02)


@contextmanager
def _asked(home: Path) -> Iterator[list[tuple[float, float]]]:
    """Have another program ask while the block runs; then the list has moment and milliseconds of each answer."""
    took: list[tuple[float, float]] = []
    program = Path(__file__).with_name("asker.py")
    with subprocess.Popen(
        [sys.executable, str(program), f"ipc://{home}/ctl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asker:
        assert asker.stdout is not None
        asker.stdout.readline()
        yield took
        said, _ = asker.communicate()
    for line in said.splitlines():
        at, ms = map(float, line.split())
        took.append((at, ms))


def _p99(took: list[tuple[float, float]], began: float, ended: float) -> float:
    """Return the 99th percentile of what was asked, or waited, in that time."""
    within = sorted(ms for at, ms in took if at + ms / 1000 >= began and at <= ended)
    if not within:
        raise Failed("nothing was asked meanwhile")
    return within[min(len(within) - 1, int(0.99 * len(within)))]
