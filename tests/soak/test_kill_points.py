"""The arbiter dies after each single message that it sends to the keeper, and all ends as if it had not."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from circus_core.client import CircusClient
from tests.support import procs
from tests.support.daemon import Daemon
from tests.support.ini import Section, socket, watcher
from tests.support.waiting import wait_for

HOOK = Path(__file__).parents[1] / "support" / "mortal_arbiter"
SAMPLE = 1  #: points of each act, drawn anew in each run, unless all are asked for
LIMIT = 60.0  #: seconds

pytestmark = [pytest.mark.differs("killing it ends its service"), pytest.mark.timeout(1800)]


class Death:
    """The file that counts down to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.disarm()

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(HOOK), "CIRCUS_TEST_DEATH": str(self._path)}

    def arm(self, messages: int) -> None:
        """Let an arbiter die after so many messages from now on."""
        self._path.write_text(f"{messages:<8d}")

    def disarm(self) -> None:
        self.arm(-1)

    @property
    def left(self) -> int:
        """How many messages are left, -1 when it happened."""
        return int(self._path.read_text())


@dataclass(frozen=True)
class Act:
    """Something that is done to the stack.

    :param do: does it, and returns when it is done
    :param expected: watcher to how many processes it has then
    :param spawned: how many it spawns
    :param undo: brings the stack back to where it was, when nobody dies
    """

    do: Callable[[Stack], None]
    expected: dict[str, int]
    spawned: int
    undo: Callable[[Stack], None] = lambda stack: None


class Stack:
    """A stack whose processes say who they are, and a client that asks again when the arbiter died."""

    def __init__(self, daemon: Daemon, death: Death) -> None:
        self.daemon = daemon
        self.death = death

    def sections(self, *, extra: int = 0) -> list[Section]:
        """Return the file's sections."""
        out = self.daemon.home / "out.log"
        web = watcher("web", _slot("web"), use_sockets=True, **{"stdout_stream.filename": out})
        some = [watcher("extra", _slot("extra"), numprocesses=extra)] if extra else []
        return [socket("web"), web, watcher("job", _slot("job")), *some]

    def start(self) -> None:
        self.daemon.launch(str(self.daemon.write(*self.sections())), env=self.death.env)

    def call(self, command: str, **properties: object) -> dict[str, object]:
        """Have a command done, also when the arbiter dies meanwhile."""
        with CircusClient(endpoint=self.daemon.endpoint, timeout=LIMIT) as client:
            reply = client.send_message(command, **properties)
        assert reply["status"] != "error", f"{command} {properties}: {reply}; log: {self.daemon.log[-3000:]}"
        return reply

    def slots(self) -> Counter[str]:
        """Return who runs as a child of circusd, by what it says."""
        return Counter(slot for pid in self.daemon.child_pids() if (slot := _said(pid)) is not None)

    def pids(self) -> set[int]:
        return {pid for pid in self.daemon.child_pids() if procs.is_alive(pid)}

    def spawned(self) -> int:
        """Return how many processes began so far."""
        return self.daemon.output.count("began ") + (self.daemon.home / "out.log").read_text().count("began ")

    def settle(self, expected: dict[str, int]) -> None:
        """Return when the processes are those that are expected, and the arbiter knows each of them."""

        def is_settled() -> bool:
            slots = self.slots()
            counts = Counter(slot.partition("-")[0] for slot in slots.elements())
            return counts == Counter(expected) and max(slots.values(), default=1) == 1 and self._is_known(expected)

        wait_for(is_settled, f"{expected}, each known to the arbiter", LIMIT)

    def _is_known(self, expected: dict[str, int]) -> bool:
        known: set[int] = set()
        for name in expected:
            infos = self.call("stats", name=name)["info"]
            assert isinstance(infos, dict)
            running = [info for info in infos.values() if isinstance(info, dict)]
            assert len({info["wid"] for info in running}) == len(running)
            known |= {info["pid"] for info in running}
        return known == self.pids()


def _slot(name: str) -> dict[str, object]:
    cmd = f"/usr/bin/env SLOT={name}-$(circus.wid) /bin/sh -c 'echo began {name}; exec sleep 3600'"
    return {"cmd": cmd, "numprocesses": 2}


def _said(pid: int) -> str | None:
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((word[5:].decode() for word in words if word.startswith(b"SLOT=")), None)


BASE = {"web": 2, "job": 2}


def reconfigured(stack: Stack, extra: int) -> None:
    stack.daemon.write(*stack.sections(extra=extra))
    stack.call("reloadconfig", waiting=True)


def upgraded(stack: Stack) -> None:
    """Upgrade; it may fail when one of the two arbiters dies."""
    with CircusClient(endpoint=stack.daemon.endpoint, timeout=LIMIT) as client:
        client.send_message("upgrade")


ACTS = {
    "incr": Act(
        lambda s: s.call("incr", name="web", waiting=True) and None,
        {"web": 3, "job": 2},
        1,
        lambda s: s.call("decr", name="web", waiting=True) and None,
    ),
    "reload": Act(lambda s: s.call("reload", name="web", waiting=True) and None, BASE, 2),
    "restart": Act(lambda s: s.call("restart", name="job", waiting=True) and None, BASE, 2),
    "stop": Act(
        lambda s: s.call("stop", name="job", waiting=True) and None,
        {"web": 2},
        0,
        lambda s: s.call("start", name="job", waiting=True) and None,
    ),
    "reloadconfig": Act(lambda s: reconfigured(s, 3), {**BASE, "extra": 3}, 3, lambda s: reconfigured(s, 0)),
    "upgrade": Act(upgraded, BASE, 0),
}


@pytest.fixture
def stack(daemon: Daemon) -> Iterator[Stack]:
    death = Death(daemon.home / "death")
    yield Stack(daemon, death)
    death.disarm()


def seeded() -> random.Random:
    seed = int(os.environ.get("CIRCUS_SEED", "0")) or random.randrange(1, 1 << 30)
    print(f"seed {seed}")
    return random.Random(seed)


def chosen(rng: random.Random, messages: int, is_full: bool) -> list[int]:
    """Return the points to die at."""
    points = range(1, messages + 1)
    return list(points) if is_full else sorted(rng.sample(points, min(SAMPLE, messages)))


def counted(stack: Stack, act: Callable[[], object]) -> int:
    """Return how many messages the arbiters send for *act*."""
    stack.death.arm(9999)
    act()
    messages = 9999 - stack.death.left
    stack.death.disarm()
    return messages


@pytest.mark.parametrize("name", ACTS)
def test_whatever_the_arbiter_does_it_may_die_after_each_message(stack: Stack, name: str, is_full: bool) -> None:
    act, rng = ACTS[name], seeded()
    stack.start()
    stack.daemon.wait_until_up()
    stack.settle(BASE)
    sockets = stack.call("listsockets")["sockets"]
    messages = counted(stack, lambda: (act.do(stack), stack.settle(act.expected)))
    act.undo(stack)

    for point in (points := chosen(rng, messages, is_full)):
        stack.settle(BASE)
        before, kept = stack.spawned(), stack.pids()
        stack.death.arm(point)
        act.do(stack)
        stack.settle(act.expected)
        assert stack.spawned() - before == act.spawned, f"point {point}: {stack.daemon.log[-3000:]}"
        assert stack.call("listsockets")["sockets"] == sockets
        if act.spawned == 0:
            assert stack.pids() <= kept
        stack.death.disarm()
        act.undo(stack)
    died = stack.daemon.log.count("was ended by SIGKILL")
    print(f"{name}: {messages} messages; died after {points}; {died} deaths are in the log")


def test_while_it_starts_it_may_die_after_each_message(daemon: Daemon, stack: Stack, is_full: bool) -> None:
    rng = seeded()
    stack.death.arm(9999)
    stack.start()
    daemon.wait_until_up()
    stack.settle(BASE)
    messages = 9999 - stack.death.left
    daemon.stop()
    ended = 0
    for point in (points := chosen(rng, messages, is_full)):
        (daemon.home / "out.log").write_text("")
        before = daemon.output.count("began ")
        stack.death.arm(point)
        stack.start()
        # There may be fewer messages than at first: what is stored at the same time goes out as one.
        wait_for(lambda: stack.death.left == -1 or daemon.is_answering(0.5), "the death", LIMIT)
        wait_for(lambda: not daemon.is_running or daemon.is_answering(0.5), "it to answer or to end", LIMIT)
        if daemon.is_running:
            stack.settle(BASE)
            assert stack.spawned() - before == sum(BASE.values()), f"point {point}: {daemon.log[-3000:]}"
            stack.death.disarm()
            assert daemon.stop() == 0
        else:  # the first one died before it had anything
            ended += 1
            assert daemon.wait_exit() in (1, 128 + signal.SIGKILL)
        assert daemon.left_processes() == []
        for name in daemon.left_files():
            (daemon.home / name).unlink()  # of one that had only just bound them
    print(f"start: {messages} messages; died after {points}; {ended} times nothing was there yet and circusd ended")


def test_while_it_ends_it_may_die_after_each_message(daemon: Daemon, stack: Stack, is_full: bool) -> None:
    rng = seeded()
    stack.start()
    daemon.wait_until_up()
    stack.settle(BASE)
    messages = counted(stack, daemon.stop)
    for point in (points := chosen(rng, messages, is_full)):
        stack.start()
        daemon.wait_until_up()
        stack.settle(BASE)
        stack.death.arm(point)
        daemon.signal(signal.SIGTERM)
        wait_for(lambda: not daemon.is_running, f"point {point}: the end; log: {daemon.log[-3000:]}", LIMIT)
        stack.death.disarm()
        assert daemon.left_processes() == [], f"point {point}: {daemon.log[-3000:]}"
        for name in daemon.left_files():
            (daemon.home / name).unlink()
    print(f"stop: {messages} messages; died after {points}")
