"""Many commands at once: none conflicts, none hangs, the last word counts."""

from __future__ import annotations

import os
import random
import signal
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import stubborn, watcher
from tests.support.waiting import wait_for
from tests.support.wire import Reply, Wire

WATCHERS = 50
COMMANDS = 200
CLIENTS = 10


@dataclass
class Wanted:
    """What the accepted commands ask of one watcher, in their order."""

    numprocesses: int = 1
    is_running: bool = True

    def apply(self, command: str, properties: dict[str, Any]) -> None:
        if command in ("start", "restart", "reload"):
            self.is_running = True
        elif command == "stop":
            self.is_running = False
        elif command == "incr":
            self.numprocesses += properties["nb"]
        elif command == "decr":
            self.numprocesses = max(0, self.numprocesses - properties["nb"])
        elif command == "set":
            self.numprocesses = properties["options"]["numprocesses"]


def random_command(rng: random.Random, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    command = rng.choice(["start", "stop", "restart", "reload", "incr", "decr", "set", "kill", "signal", "status"])
    properties: dict[str, Any] = {"waiting": rng.random() < 0.3}
    if command == "incr":
        properties["nb"] = rng.randint(1, 2)
    elif command == "decr":
        properties["nb"] = rng.randint(0, max(0, wanted.numprocesses - 1))
    elif command == "set":
        properties["options"] = {"numprocesses": rng.randint(1, 4)}
    elif command == "signal":
        properties["signum"] = "CONT"
    elif command == "reload":
        properties |= {"graceful": rng.random() < 0.7, "sequential": rng.random() < 0.3}
    return command, properties


@pytest.mark.differs("conflicts")
def test_random_concurrent_commands(daemon: Daemon) -> None:
    """Each client owns some watchers and waits for no reply, so the order of the commands of a watcher is known."""
    rng = random.Random(seed := int(os.environ.get("SEED", "1")))
    daemon.start(*(watcher(f"w{n}", cmd="sleep 3600", graceful_timeout=5) for n in range(WATCHERS)))
    wanted = {f"w{n}": Wanted() for n in range(WATCHERS)}
    clients = [daemon.connect() for _ in range(CLIENTS)]
    sent: list[dict[str, str]] = [{} for _ in clients]

    for number in rng.sample(range(COMMANDS), COMMANDS):
        name = f"w{number % WATCHERS}"
        owner = number % WATCHERS % CLIENTS
        command, properties = random_command(rng, wanted[name])
        sent[owner][clients[owner].send(command, name=name, **properties)] = f"{command} {name} {properties}"
        wanted[name].apply(command, properties)

    for client, messages in zip(clients, sent, strict=True):
        while messages:
            reply = client.receive()
            assert reply is not None, f"seed {seed}: no reply to {list(messages.values())}"
            text = messages.pop(str(reply["id"]))
            assert reply["status"] != "error", f"seed {seed}: {text}: {reply}"
    for name, want in wanted.items():
        count = want.numprocesses if want.is_running else 0
        daemon.wait_status(name, "active" if want.is_running else "stopped")
        wait_for(lambda n=name, c=count: len(daemon.pids(n)) == c, f"{count} processes of {name} (seed {seed})")
    total = sum(want.numprocesses for want in wanted.values() if want.is_running)
    wait_for(lambda: len(daemon.child_pids()) == total, f"{total} children of circusd")


def collect(client: Wire, count: int) -> list[Reply]:
    """Return *count* replies; fail when one does not come."""
    replies = []
    for number in range(count):
        reply = client.receive()
        assert reply is not None, f"reply {number + 1} of {count} does not come"
        replies.append(reply)
    return replies


@pytest.mark.differs("conflicts")
def test_two_clients_on_one_watcher_each_count(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd="sleep 3600", numprocesses=10))
    one, two = daemon.connect(), daemon.connect()

    for _ in range(10):  # never below 0, whoever comes first
        one.send("incr", name="w", nb=2)
        two.send("decr", name="w", nb=1)

    assert {reply["status"] for reply in collect(one, 10) + collect(two, 10)} == {"ok"}
    assert daemon.call("get", name="w", keys=["numprocesses"])["options"]["numprocesses"] == 20
    wait_for(lambda: len(daemon.pids("w")) == 20, "20 processes")


@pytest.mark.differs("conflicts")
def test_what_is_asked_in_one_breath_is_done_in_that_order(daemon: Daemon) -> None:
    daemon.start(watcher("w", cmd="sleep 3600"))
    wire = daemon.connect()

    for _ in range(20):  # the second needs no await, the first does
        wire.send("incr", name="w")
        wire.send("get", name="w", keys=["numprocesses"])

    replies = collect(wire, 40)
    assert [reply["options"]["numprocesses"] for reply in replies if "options" in reply] == [*range(2, 22)]


@pytest.mark.differs("conflicts")
def test_reading_commands_wait_for_nothing(daemon: Daemon) -> None:
    slow = watcher("slow", cmd=stubborn("slow"), graceful_timeout=600)
    warm = watcher("warm", cmd="sleep 3600", numprocesses=5, warmup_delay=600, autostart=False)
    daemon.start(slow, warm, watcher("w"))
    pid = daemon.wait_ready("slow")[1]
    daemon.call("stop", name="slow")
    daemon.call("start", name="warm")

    replies = [daemon.wire.ask(c) for c in ("status", "list", "numwatchers", "dstats", "listsockets")]

    assert {reply["status"] for reply in replies} == {"ok"}
    assert daemon.status("slow") == "stopping"
    assert daemon.status("warm") == "starting"
    os.kill(pid, signal.SIGKILL)


@pytest.mark.differs("conflicts")
def test_a_stop_overtakes_a_slow_start(daemon: Daemon) -> None:
    daemon.start(watcher("warm", numprocesses=10, warmup_delay=600, autostart=False), watcher("w"))
    daemon.call("start", name="warm")
    wait_for(lambda: daemon.said("ready", "warm"), "the first process")

    daemon.call("stop", name="warm", waiting=True)

    assert daemon.status("warm") == "stopped"
    assert len(daemon.said("ready", "warm")) == 1


@pytest.mark.differs("conflicts")
def test_a_waiting_command_that_is_overtaken_is_answered(daemon: Daemon) -> None:
    daemon.start(watcher("warm", numprocesses=10, warmup_delay=600, autostart=False), watcher("w"))
    waiter = daemon.connect()
    waiter.send("start", name="warm", waiting=True)
    wait_for(lambda: daemon.status("warm") == "starting", "the start")

    daemon.call("stop", name="warm", waiting=True)

    assert waiter.receive() is not None


@pytest.mark.differs("conflicts")
def test_commands_in_the_middle_of_a_storm_of_deaths(daemon: Daemon) -> None:
    daemon.start(*(watcher(f"w{n}", cmd="sleep 3600", numprocesses=4) for n in range(5)))
    ended = threading.Event()

    def storm() -> None:
        rng = random.Random(2)
        while not ended.wait(0.01):
            children = daemon.child_pids()
            if children:
                procs.kill_quietly(rng.choice(children))

    killer = threading.Thread(target=storm)
    killer.start()
    try:
        for n in range(20):
            assert daemon.wire.ask("restart", name=f"w{n % 5}", waiting=True)["status"] == "ok"
            assert daemon.wire.ask("incr" if n % 2 else "decr", name=f"w{n % 5}")["status"] == "ok"
    finally:
        ended.set()
        killer.join()

    counts = [daemon.call("get", name=f"w{n}", keys=["numprocesses"])["options"]["numprocesses"] for n in range(5)]
    for n, count in enumerate(counts):
        wait_for(lambda n=n, c=count: len(daemon.pids(f"w{n}")) == c, f"{count} processes of w{n}")
