"""A keeper dies and another one takes over: the Spawner goes on, and nothing is started twice or lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from circus_core.spawner import Stdio, StoredFd
from tests.support import procs
from tests.support.ini import PROGRAMS
from tests.support.spawners import Harness, Heir, request
from tests.support.waiting import wait_for

Begin = Callable[..., tuple[Harness, Heir]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts a Spawner whose keeper is followed by another one."""
    harnesses = []

    def begin(when: str = "") -> tuple[Harness, Heir]:
        heir = Heir(*([sys.executable, "-I", str(PROGRAMS / "mortal_keeper.py"), when] if when else []))
        harnesses.append(harness := Harness(heir.make))
        return harness, heir

    yield begin
    for harness in harnesses:
        harness.close()


def kill_keeper(harness: Harness, heir: Heir) -> None:
    """Kill the keeper, and return when the next one has everything."""
    deaths, old = heir.deaths, heir.link.pid
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: harness.run_for_a_turn() or heir.deaths > deaths, "the death to be noticed")
    harness.runner.run(heir.spawner.sync())
    assert heir.link.pid != old
    procs.reap_quietly(old)


@pytest.mark.parametrize("when", ["before:1", "after:1", "after:3", "before:4"])
@pytest.mark.parametrize("kind", ["plain", "pipe", "exact"])
def test_what_was_being_spawned_is_started_once(begin: Begin, when: str, kind: str, tmp_path: Path) -> None:
    fields: dict[str, dict[str, object]] = {"plain": {}, "pipe": {"stdout": Stdio.PIPE}, "exact": {"umask": 0o27}}
    log = tmp_path / "log"
    script = f"echo $$ >> {log}; echo hello; exec sleep 1000"
    harness, heir = begin(when)

    spawned = harness.spawn(*(request("sh", "-c", script, **fields[kind]) for _ in range(6)))

    assert heir.deaths == 1
    started = wait_for(lambda: pids if len(pids := log.read_text().split()) >= 6 else None, "all to run")
    assert sorted(map(int, started)) == sorted(child.pid for child in spawned)
    assert len({child.child for child in spawned}) == 6
    if kind == "pipe":
        for child in spawned:
            assert child.stdout is not None
            os.set_blocking(child.stdout, True)
            assert os.read(child.stdout, 100) == b"hello\n"


def test_children_live_on_and_their_ends_are_told(begin: Begin) -> None:
    harness, heir = begin()
    first, second, third = harness.spawn(*(request("sleep", "1000") for _ in range(3)))

    kill_keeper(harness, heir)
    assert all(procs.is_alive(child.pid) for child in (first, second, third))
    harness.spawner.signal(first.child, signal.SIGTERM)

    assert harness.wait_for_exits([first]) in ([-signal.SIGTERM], [None])
    assert [record.spawned.pid for record in harness.spawner.children() if record.exited is None] == [
        second.pid,
        third.pid,
    ]


def test_an_end_that_was_not_acknowledged_is_kept(begin: Begin) -> None:
    harness, heir = begin()
    child = harness.spawn_one(request("sh", "-c", "exit 3", label="mine"))
    harness.wait_for_exits([child])

    kill_keeper(harness, heir)

    (record,) = harness.spawner.children()
    assert (record.label, record.exited and record.exited.exit_code) == ("mine", 3)
    harness.spawner.acknowledge(child.child)
    harness.runner.run(heir.spawner.sync())
    assert harness.spawner.children() == []


def test_an_end_while_there_is_no_keeper_is_told_once(begin: Begin) -> None:
    harness, heir = begin()
    child = harness.spawn_one(request("sleep", "1000"))
    os.kill(heir.link.pid, signal.SIGKILL)
    os.kill(child.pid, signal.SIGKILL)

    assert harness.wait_for_exits([child]) in ([-signal.SIGKILL], [None])
    wait_for(lambda: harness.run_for_a_turn() or heir.deaths == 1, "the death to be noticed")
    harness.runner.run(heir.spawner.sync())
    assert [exited.child for batch in harness.batches for exited in batch] == [child.child]


def test_child_ids_are_not_used_again(begin: Begin) -> None:
    harness, heir = begin()
    child = harness.spawn_one(request("true"))
    harness.wait_for_exits([child])
    harness.spawner.acknowledge(child.child)

    kill_keeper(harness, heir)

    assert harness.spawn_one(request("true")).child > child.child


def test_descriptors_keep_their_numbers_and_states_stay(begin: Begin, tmp_path: Path) -> None:
    harness, heir = begin()
    (tmp_path / "f").write_text("kept")
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    number = harness.spawner.store_fd("f", fd, "meta")
    os.close(fd)
    harness.spawner.store_states({"a": b"1", "b": b"2"})

    kill_keeper(harness, heir)

    assert harness.spawner.stored_fds() == {"f": (number, "meta")}
    child = harness.spawn_one(
        request("sh", "-c", f"cat /dev/fd/{number}", stdout=Stdio.PIPE, fds={number: StoredFd("f")})
    )
    assert harness.output(child) == b"kept"
    assert harness.spawner.stored_state() == {"a": b"1", "b": b"2"}


def test_what_the_next_keeper_holds_can_be_loaded(begin: Begin) -> None:
    """So the next arbiter gets it."""
    harness, heir = begin()
    child = harness.spawn_one(request("sh", "-c", "echo out; exec sleep 1000", stdout=Stdio.PIPE, label="mine"))
    harness.spawner.store_states({"a": b"1"})
    kill_keeper(harness, heir)

    heir.spawner.load()

    (record,) = harness.spawner.children()
    assert (record.spawned.child, record.spawned.pid, record.label) == (child.child, child.pid, "mine")
    assert record.spawned.stdout is not None and os.read(record.spawned.stdout, 10) == b"out\n"
    assert harness.spawner.stored_state() == {"a": b"1"}


def test_it_may_happen_again_and_again(begin: Begin) -> None:
    harness, heir = begin()
    children = harness.spawn(*(request("sleep", "1000") for _ in range(40)))
    for _ in range(3):
        kill_keeper(harness, heir)
        children += harness.spawn(request("sleep", "1000"))

    assert [record.spawned.pid for record in harness.spawner.children()] == [child.pid for child in children]
    assert all(procs.is_alive(child.pid) for child in children)


def test_a_pipe_that_nobody_reads_any_more_is_left_out(begin: Begin) -> None:
    """Its number may be another file's by then."""
    harness, heir = begin()
    closed, kept = harness.spawn(*(request("sleep", "1000", stdout=Stdio.PIPE) for _ in range(2)))
    assert closed.stdout is not None
    with open(os.devnull) as file:
        os.dup2(file.fileno(), closed.stdout)

    kill_keeper(harness, heir)
    os.close(closed.stdout)
    heir.spawner.load()

    found = {record.spawned.pid: record.spawned.stdout for record in harness.spawner.children()}
    assert found.keys() == {closed.pid, kept.pid}
    assert found[closed.pid] is None and found[kept.pid] is not None
