"""Arbiter and keeper are killed over and over, under load: nobody outside of circusd notices."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from circus_core.client import CircusClient
from circus_core.errors import CallError
from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, PYTHON, Section, circus, socket, watcher
from tests.support.load import Load
from tests.support.waiting import wait_for

SHORT: float = 15.0  #: seconds
LENGTH: float = 300.0
SERVERS = 50
TALKERS = 5
FLEX = "flex"
SERVE = f"{PYTHON} {PROGRAMS}/serve.py web $(circus.wid) $(circus.sockets.web)"
TALK = f"{PYTHON} {PROGRAMS}/counts.py $(circus.wid)"


def stack(home: Path, *, flex: int, extra: bool) -> list[Section]:
    """Return the file: servers, writers, one watcher whose number commands change, one that comes and goes."""
    sections = [
        circus(pidfile=home / "circus.pid"),
        socket("web"),
        watcher("web", cmd=SERVE, use_sockets=True, numprocesses=SERVERS),
        watcher("talk", {"cmd": TALK, "numprocesses": TALKERS, "stdout_stream.filename": home / "out.log"}),
        watcher(FLEX, cmd="sleep 3600", numprocesses=flex),
    ]
    return [*sections, watcher("extra", cmd="sleep 3600")] if extra else sections


@dataclass
class Tally:
    """What was done, and what the commands promised."""

    counts: Counter[str] = field(default_factory=Counter)
    flex: int = 2
    has_extra: bool = False
    errors: list[str] = field(default_factory=list)


class Commander(threading.Thread):
    """Gives commands without pause, one after the other, and notes what each promised."""

    def __init__(self, daemon: Daemon, tally: Tally, seed: int) -> None:
        super().__init__()
        self._daemon = daemon
        self._tally = tally
        self._random = random.Random(seed)
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            with CircusClient(endpoint=self._daemon.endpoint, timeout=60) as client:
                while not self._ended.wait(0.02):
                    self._act(client)
        except (CallError, AssertionError) as exc:
            self._tally.errors.append(f"{exc!r}")

    def end(self) -> None:
        """Have it end after the command that is under way."""
        self._ended.set()
        self.join()

    def _act(self, client: CircusClient) -> None:
        tally = self._tally
        match self._random.choice(("incr", "decr", "reloadconfig", "status", "restart", "list")):
            case "incr" if tally.flex < 6:
                self._call(client, "incr", name=FLEX, waiting=True)
                tally.flex += 1
            case "decr" if tally.flex > 1:
                self._call(client, "decr", name=FLEX, waiting=True)
                tally.flex -= 1
            case "reloadconfig":
                tally.has_extra = not tally.has_extra
                self._daemon.write(*stack(self._daemon.home, flex=2, extra=tally.has_extra))
                self._call(client, "reloadconfig", waiting=True)
            case "restart":
                self._call(client, "restart", name=FLEX, waiting=True)
            case "list":
                self._call(client, "list", name="web")
            case _:
                self._call(client, "status")

    def _call(self, client: CircusClient, command: str, **properties: object) -> None:
        reply = client.send_message(command, **properties)
        assert reply["status"] != "error", f"{command} {properties}: {reply}"
        self._tally.counts[command] += 1
        self._tally.counts["asked again"] += bool(reply.get("recovered") is True)


@contextmanager
def commanding(daemon: Daemon, tally: Tally, seed: int) -> Iterator[None]:
    """Give commands while the block lasts."""
    commander = Commander(daemon, tally, seed)
    commander.start()
    try:
        yield
    finally:
        commander.end()


def serves(daemon: Daemon) -> bool:
    """Return whether the arbiter answers, asked by a client of its own."""
    return daemon.is_answering(0.5)


def kill_at_random(daemon: Daemon, tally: Tally, rng: random.Random, length: float) -> None:
    """Kill the arbiter, the keeper, or a server, when what was killed before is back and a moment has passed."""
    limit = time.monotonic() + length
    while time.monotonic() < limit:
        threading.Event().wait(rng.uniform(0.0, 0.6))  # the moment is random on purpose
        match rng.choice(("arbiter", "arbiter", "keeper", "keeper", "server")):
            case "arbiter":
                daemon.kill_arbiter()
                wait_for(lambda: serves(daemon), f"the next arbiter; log: {daemon.log[-2000:]}", 60)
                tally.counts["arbiters killed"] += 1
            case "keeper":
                daemon.kill_keeper()
                tally.counts["keepers killed"] += 1
            case _:
                tally.counts["servers killed"] += 1
                os.kill(rng.choice(servers(daemon)), signal.SIGKILL)


def servers(daemon: Daemon) -> list[int]:
    """Return the pids of the servers that are said to be ready and live."""
    return [int(words[1]) for words in daemon.said("ready", "web") if procs.is_alive(int(words[1]))]


@pytest.mark.differs("killing it ends its service")
@pytest.mark.timeout(900)
def test_nobody_notices_when_arbiter_and_keeper_are_killed(daemon: Daemon, is_full: bool) -> None:
    seed = int(os.environ.get("CIRCUS_SEED", "0")) or random.randrange(1, 1 << 30)
    print(f"seed {seed}")
    rng, tally = random.Random(seed), Tally()
    daemon.start(*stack(daemon.home, flex=2, extra=False))
    daemon.wait_ready("web", SERVERS)
    before = {name: daemon.pids(name) for name in ("web", "talk")}
    (info,) = daemon.call("listsockets")["sockets"]

    with Load((info["host"], info["port"])) as load, commanding(daemon, tally, rng.randrange(1 << 30)):
        kill_at_random(daemon, tally, rng, LENGTH if is_full else SHORT)
    wait_for(lambda: serves(daemon), "the arbiter to answer", 60)

    print(f"seed {seed}: {load.answered()} requests answered, failed: {load.failures()}; {dict(tally.counts)}")
    assert tally.errors == []
    killed = tally.counts["servers killed"]
    failures = load.failures()
    assert sum(failures.values()) <= killed, failures  # a server that is killed takes what it has accepted with it
    assert_end_state(daemon, tally, before, killed)
    assert_output(daemon, before["talk"])


def assert_end_state(daemon: Daemon, tally: Tally, before: dict[str, list[int]], killed: int) -> None:
    """Everything is as commands and file say, and every process that nobody killed is the one that it was."""
    with CircusClient(endpoint=daemon.endpoint, timeout=60) as client:
        wait_for(lambda: len(client.send_message("list", name="web")["pids"]) == SERVERS, "all servers", 30)
        now = {name: sorted(client.send_message("list", name=name)["pids"]) for name in ("web", "talk", FLEX)}
        watchers = client.send_message("list")["watchers"]
    assert now["talk"] == before["talk"]
    assert len(set(before["web"]) - set(now["web"])) <= killed
    assert len(now[FLEX]) == tally.flex
    assert ("extra" in watchers) == tally.has_extra


def assert_output(daemon: Daemon, pids: list[int]) -> None:
    """Every line that a writer wrote is in the file once, in order."""
    with CircusClient(endpoint=daemon.endpoint, timeout=60) as client:
        client.send_message("stop", name="talk", waiting=True)
    out = daemon.home / "out.log"
    seen: dict[int, list[int]] = {pid: [] for pid in pids}
    ends: dict[int, int] = {}
    for line in out.read_text().splitlines():
        pid, word = line.split()[:2]
        if word == "end":
            ends[int(pid)] = int(line.split()[2])
        else:
            seen[int(pid)].append(int(word))
    assert ends.keys() == set(pids)
    for pid, numbers in seen.items():
        assert numbers == list(range(ends[pid])), f"of {pid}"
    print(f"{sum(ends.values())} lines, {out.stat().st_size} bytes, each there once")
