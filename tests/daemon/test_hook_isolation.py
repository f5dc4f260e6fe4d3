"""A hook that misbehaves costs nobody else: round trips and replacements of others, with and without it, in figures."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import PROGRAMS, Section, circus, env, watcher
from tests.support.waiting import wait_for

pytestmark = pytest.mark.differs("hooks run in the loop there, and hold up everything")

HOOKS = ("blocks", "spins", "raises", "babbles", "exits", "ends_its_thread", "kills_its_thread", "never_ends")
ROUND_TRIPS = 300
KILLS = 6


@dataclass(frozen=True)
class Figures:
    """What others notice, in milliseconds."""

    round_trip: float
    round_trip_p99: float
    replacement: float

    def __str__(self) -> str:
        return (
            f"round trip {self.round_trip:.2f} ms (p99 {self.round_trip_p99:.2f}), "
            f"replacement {self.replacement:.1f} ms"
        )


def measure(daemon: Daemon) -> Figures:
    """Return how long a command takes, and how long until a killed process has a successor: medians."""
    trips = []
    replacements = []
    pids = daemon.wait_ready("web", KILLS).values()
    events = daemon.events()
    old_at = time.time() + 1.05
    wait_for(lambda: time.time() > old_at, "the processes to be a second old")
    for pid in pids:
        for _ in range(ROUND_TRIPS // KILLS):
            began = time.perf_counter()
            daemon.call("numprocesses", name="web")
            trips.append(1000 * (time.perf_counter() - began))
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        replacements.append(1000 * (events.until("watcher.web.spawn")[-1].data["time"] - killed))
    return Figures(statistics.median(trips), sorted(trips)[int(0.99 * len(trips))], statistics.median(replacements))


def steady() -> Section:
    """Return the watcher that is measured: a process for each kill, since a young one is replaced with a pause."""
    return watcher("web", numprocesses=KILLS, priority=1)


def bad_watchers(hook: str) -> Iterator[Section]:
    """Yield watchers whose hooks are *hook*: two at their start, one for each of its processes, which keep dying."""
    target = f"bad_hooks.{hook}"
    yield watcher("start1", {"hooks.before_start": target, "hook_timeout": 300})
    yield watcher("start2", {"hooks.after_start": target, "hook_timeout": 300})
    dies = "/bin/sh -c 'sleep 0.1'"
    yield watcher("dies", {"cmd": dies, "hooks.before_reap": target, "hooks.after_reap": target, "hook_timeout": 0.2})


@pytest.fixture(scope="module")
def without(which_circusd: Flavour) -> Figures:
    """What is so without any hook."""
    daemon = Daemon(which_circusd)
    try:
        daemon.start(circus(check_delay=0.5), steady(), watcher("dies", cmd="/bin/sh -c 'sleep 0.1'"))
        return measure(daemon)
    finally:
        daemon.close()


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_that_misbehaves_costs_nobody_else(
    daemon: Daemon, hook: str, without: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    path = env("*", PYTHONPATH=PROGRAMS)
    daemon.start(circus(check_delay=0.5), path, steady(), *bad_watchers(hook), wait=False)
    daemon.wait_status("web", "active")
    figures = measure(daemon)
    with capsys.disabled():
        print(f"\n  without: {without}\n  {hook + ':':8} {figures}")

    # Functions that compute without end share the interpreter with the loop, three of them here, 5 ms at a time.
    slack = 1000 if hook == "spins" else 50
    assert figures.round_trip < 3 * without.round_trip + slack
    assert figures.replacement < 3 * without.replacement + 2 * slack
    assert daemon.status("web") == "active"
    assert daemon.stop() == 0
