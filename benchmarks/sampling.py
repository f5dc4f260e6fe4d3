"""What statistics cost: sampling every process once a second, and asking for all figures at once."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from benchmarks.peers import NAME, Circus, Peer
from benchmarks.running import Failed, Running, running
from tests.support import procs

COUNT = 1000
WATCHED = 10.0  # seconds
ASKED = 5
SETTLING = 2.0  # seconds after a subscriber left

Samples = dict[str, list[float]]


def sampling(peer: Peer) -> Samples:
    """Return the CPU of ``circusd-stats``: without a subscriber, then with one that reads every process."""
    assert isinstance(peer, Circus)
    with running(peer.with_statistics(), COUNT) as run, peer.connected(run.home) as ask:
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
                raise Failed(f"{peer.name}: {len(taken)} messages in {WATCHED:g} s")
    return {"sampling 1000, CPU a second": [watched / WATCHED], "no subscriber, CPU a second": [alone / WATCHED]}


def all_figures(peer: Peer) -> Samples:
    """Return how long ``stats`` of a watcher of 1000 processes takes."""
    assert isinstance(peer, Circus)
    with running(peer, COUNT) as run, peer.connected(run.home) as ask:
        took = []
        for _ in range(ASKED):
            before = time.perf_counter()
            info = ask("stats", name=NAME)["info"]
            took.append(1000 * (time.perf_counter() - before))
            if len(info) != COUNT:
                raise Failed(f"{peer.name}: {len(info)} processes in the reply")
            if took[-1] > 5000:
                break
    return {"stats of 1000": [statistics.median(took)]}


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
