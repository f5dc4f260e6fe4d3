"""What statistics cost: sampling every process once a second, and asking for all figures at once."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import zmq

from benchmarks.peers import NAME, Circus, Peer
from benchmarks.running import Failed, Running, round_trips, running
from tests.support import procs

COUNT = 1000
WATCHED = 8.0  # seconds
ASKED = 5  #: times, or until ASKING is over
ASKING = 5.0  #: seconds
SETTLING = 2.0  # seconds after a subscriber left

Samples = dict[str, list[float]]


def with_statistics(peer: Peer) -> AbstractContextManager[Running]:
    """Run a circus that has ``circusd-stats``."""
    assert isinstance(peer, Circus)
    return running(peer.with_statistics(), COUNT)


def sampling(run: Running) -> Samples:
    """Return the CPU of ``circusd-stats``: without a subscriber, then with one that reads every process."""
    with run.circus.connected(run.home) as ask:
        (pid,) = ask("list", name="circusd-stats")["pids"]
        _wait_until_sampled(run)
        time.sleep(SETTLING)
        before = _cpu(pid)
        time.sleep(WATCHED)
        alone = _cpu(pid) - before
        with _subscribed(run) as taken:
            taken.clear()
            before = _cpu(pid)
            time.sleep(WATCHED)
            watched = _cpu(pid) - before
            if len(taken) < COUNT * (WATCHED / 2):
                raise Failed(f"{run.peer.name}: {len(taken)} messages in {WATCHED:g} s")
    return {"sampling 1000, CPU a second": [watched / WATCHED], "no subscriber, CPU a second": [alone / WATCHED]}


def all_figures(run: Running) -> Samples:
    """Return how long ``stats`` of a watcher of 1000 processes takes."""
    run.wait_until_old()
    return {"stats of 1000": [figures_asked(run, COUNT, ASKED)]}


def figures_asked(run: Running, count: int, most: int) -> float:
    """Return the milliseconds that the figures of all processes take on an open connection."""
    with run.circus.connected(run.home) as ask:

        def figures() -> None:
            info = ask("stats", name=NAME)["info"]
            if len(info) != count:
                raise Failed(f"{run.peer.name}: {len(info)} processes in the reply")

        return statistics.median(round_trips(figures, most=most, seconds=ASKING))


def _wait_until_sampled(run: Running) -> None:
    """Return when all processes are sampled: it takes the published daemon a while to learn of them."""
    limit = time.monotonic() + 60
    with _subscribed(run, f"stat.{NAME}.") as taken:
        while len(set(taken)) < COUNT:
            if time.monotonic() > limit:
                raise Failed(f"{run.peer.name}: {len(set(taken))} of {COUNT} processes are sampled")
            time.sleep(0.1)


@contextmanager
def _subscribed(run: Running, topic: str = "stat.") -> Iterator[list[bytes]]:
    """Yield the topics that arrive while the block runs."""
    taken: list[bytes] = []
    is_over = threading.Event()

    def take() -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
            subscriber.linger, subscriber.rcvhwm = 0, 0
            subscriber.setsockopt(zmq.SUBSCRIBE, topic.encode())
            subscriber.connect(f"ipc://{run.home}/stats")
            while not is_over.is_set():
                if subscriber.poll(100):
                    taken.append(subscriber.recv_multipart()[0])

    reader = threading.Thread(target=take)
    reader.start()
    try:
        yield taken
    finally:
        is_over.set()
        reader.join()


def _cpu(pid: int) -> float:
    """Return the milliseconds of CPU that all threads of a process had."""
    if not procs.is_alive(pid):
        raise Failed("circusd-stats is gone")
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6
