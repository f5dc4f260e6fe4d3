"""A busy stack leaves circusd as it is: memory, descriptors, threads and the time of an answer stay what they were."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import zmq

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, circus, socket, watcher
from tests.support.load import Load
from tests.support.waiting import wait_for
from tests.support.watched import Figures, figures, lowest

PROCESSES = 500
SHARES = {"steady": 0.7, "chatty": 0.15, "brief": 0.13, "web": 0.02}
SHORT = 12.0  # seconds
EVERY = 2.0  # seconds between two samples
GROWTH = 3_000_000  # bytes
SLOWER = 30.0  # milliseconds
STATISTICS = 1.3  # seconds; by then circusd-stats let go of what is gone


def size(name: str, processes: int) -> int:
    return max(2, round(SHARES[name] * processes))


def stack(daemon: Daemon, processes: int, life: float) -> list[Section]:
    """Return the sections of a stack where something always ends, prints, is asked or is served."""
    home = daemon.home
    rotated = {"stdout_stream.filename": home / "chatty.log", "stdout_stream.max_bytes": "1M"}
    serve = f"{PYTHON} {PROGRAMS}/serve.py web $(circus.wid) $(circus.sockets.web)"
    return [
        circus(statsd=True, stats_endpoint=f"ipc://{home}/stats"),
        watcher("steady", cmd="/bin/sleep 100000", numprocesses=size("steady", processes)),
        watcher("chatty", cmd=f"/bin/sh {PROGRAMS}/chatter {life}", numprocesses=size("chatty", processes),
            max_retry=-1, stop_children=True, log_ring="16K", **rotated),
        watcher("brief", cmd=f"/bin/sleep {life / 2}", numprocesses=size("brief", processes), max_retry=-1),
        watcher("web", cmd=serve, use_sockets=True, numprocesses=size("web", processes)),
        socket("web"),
    ]  # fmt: skip


@dataclass
class Seen:
    """What was sampled while the stack ran.

    :param answers: milliseconds of round trips, one list for each sample
    """

    programs: dict[str, list[Figures]] = field(default_factory=dict)
    answers: list[list[float]] = field(default_factory=list)

    def take(self, daemon: Daemon, pids: dict[str, int]) -> None:
        for name, pid in pids.items():
            self.programs.setdefault(name, []).append(figures(pid))
        self.answers.append([_round_trip(daemon) for _ in range(20)])

    def third(self, number: int) -> tuple[dict[str, Figures], float]:
        """Return the least of each program in that third of the time, the last being 2, and the p95 of answers."""
        count = len(self.answers)
        part = slice(number * count // 3, (number + 1) * count // 3)
        answers = [took for sample in self.answers[part] for took in sample]
        least = {name: lowest(samples[part]) for name, samples in self.programs.items()}
        return least, statistics.quantiles(answers, n=20)[-1]


def at_rest(daemon: Daemon, pids: dict[str, int]) -> dict[str, Figures]:
    """Return what the programs have while all stands still, then start it again."""
    for name in SHARES.keys() - {"web"}:  # whose clients wait
        daemon.call("stop", name=name, waiting=True)
    seen: list[dict[str, Figures]] = []
    next_look = 0.0

    def is_stable() -> bool:
        nonlocal next_look
        if time.monotonic() < next_look:
            return False
        next_look = time.monotonic() + STATISTICS
        seen.append({name: figures(pid) for name, pid in pids.items()})
        return len(seen) > 1 and _countable(seen[-1]) == _countable(seen[-2])

    wait_for(is_stable, "it to come to rest", 60)
    daemon.call("start", waiting=True)
    return seen[-1]


def _countable(programs: dict[str, Figures]) -> list[tuple[int, int]]:
    return [(each.descriptors, each.threads) for each in programs.values()]


def _round_trip(daemon: Daemon) -> float:
    before = time.perf_counter()
    daemon.call("status")
    return 1000 * (time.perf_counter() - before)


@contextmanager
def subscriber(endpoint: str) -> Iterator[Callable[[], int]]:
    """Read all statistics while the block runs; yield what tells how many messages came."""
    count = itertools.count()
    is_over = threading.Event()

    def read() -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as sub:
            sub.linger = 0
            sub.subscribe(b"")
            sub.connect(endpoint)
            while not is_over.is_set():
                if sub.poll(100):
                    sub.recv_multipart()
                    next(count)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield lambda: int(repr(count)[6:-1])
    finally:
        is_over.set()
        thread.join()


def commands(daemon: Daemon, processes: int) -> Iterator[Callable[[], Any]]:
    """Yield, without end, what people and programs do to a stack, one thing after the other."""
    more = max(1, processes // 50)
    cycle: list[tuple[str, dict[str, Any]]] = [
        ("incr", {"name": "steady", "nb": more, "waiting": True}),
        ("stats", {"name": "steady"}),
        ("reload", {"name": "web", "waiting": True}),
        ("list", {"long": True}),
        ("decr", {"name": "steady", "nb": more, "waiting": True}),
        ("set", {"name": "brief", "options": {"graceful_timeout": 3}, "waiting": True}),
        ("restart", {"name": "chatty", "waiting": True}),
        ("logs", {"lines": 100}),
        ("status", {"long": True}),
        ("signal", {"name": "brief", "signum": "TERM"}),
        ("reloadconfig", {"waiting": True}),
        ("options", {"name": "web"}),
    ]
    for command, properties in itertools.cycle(cycle):
        yield lambda c=command, p=properties: daemon.call(c, **p)  # type: ignore[misc]  # mypy cannot infer its type


@pytest.mark.differs("it is measured in other ways")
@pytest.mark.timeout(3600)
def test_busy_stack_stays_as_it_is(daemon: Daemon, is_full: bool, request: pytest.FixtureRequest) -> None:
    processes = PROCESSES if is_full else PROCESSES // 10
    length = 60 * float(request.config.getoption("--soak-minutes")) if is_full else SHORT
    daemon.start(*stack(daemon, processes, life=6.0 if is_full else 2.4))
    names = [*SHARES, "circusd-stats"]
    wait_for(lambda: all(daemon.call("status")["statuses"][name] == "active" for name in names), "the stack", 60)
    (listed,) = daemon.call("listsockets")["sockets"]
    seen = Seen()
    with ExitStack() as open_until_the_end:
        messages = open_until_the_end.enter_context(subscriber(f"ipc://{daemon.home}/stats"))
        load = open_until_the_end.enter_context(Load((listed["host"], listed["port"]), threads=1))
        pids = {"circusd": daemon.arbiter, "circusd-stats": daemon.call("list", name="circusd-stats")["pids"][0]}
        if daemon.pid != pids["circusd"]:
            pids["keeper"] = daemon.pid
        act = commands(daemon, processes)
        for _ in range(12):  # each of them once, so that all there is to load is loaded
            next(act)()
        wait_for(lambda: messages() > 2 * processes, "statistics")
        before = at_rest(daemon, pids)
        limit = time.monotonic() + length
        next_sample = 0.0
        while time.monotonic() < limit:
            next(act)()
            if time.monotonic() > next_sample:
                seen.take(daemon, pids)
                next_sample = time.monotonic() + (EVERY if is_full else 0.0)
        told, answered, failures = messages(), load.answered(), load.failures()
        after = at_rest(daemon, pids)

    (earlier, quick), (later, slow) = seen.third(1 if is_full else 0), seen.third(2)
    print(
        f"{len(seen.answers)} samples; {told} messages; {answered} answers; "
        f"p95 of status {quick:.1f}, then {slow:.1f} ms"
    )
    for name in pids:
        print(f"{name}: at rest {before[name]}, then {after[name]}; busy {earlier[name]}, then {later[name]}")
    assert all(procs.is_alive(pid) for pid in pids.values())
    assert not failures
    assert told > length and answered > length
    # In a few seconds beside other tests the time of an answer tells of these.
    assert not is_full or slow < 2 * quick + SLOWER
    for name in pids:
        assert after[name].threads <= before[name].threads, name
        assert after[name].descriptors <= before[name].descriptors, name
        # Not at rest: what the first minutes fragment stays.
        assert later[name].memory < earlier[name].memory + GROWTH, name
    assert "Traceback" not in daemon.log
