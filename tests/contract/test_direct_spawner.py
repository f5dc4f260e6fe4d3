"""What DirectSpawner alone promises: the program around it, and its place in the tree of processes."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from circus_core._descriptors import open_fds
from circus_core.direct import DirectSpawner
from circus_core.errors import LifecycleError
from circus_core.spawner import Credentials, Exited, Stdio
from tests.support.procs import is_alive
from tests.support.spawners import EACH_WAY, Harness, request
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "support" / "programs"


@pytest.fixture
def library() -> Iterator[Harness]:
    """A DirectSpawner as a library uses it."""
    harness = Harness(DirectSpawner)
    yield harness
    harness.close()


def run(command: list[str], **fields: Any) -> Any:
    """Run a program that prints a JSON object, and return it."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False, **fields)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_pid_namespace() -> list[str]:
    """Return the words that make a command PID 1, as in a container."""
    words = ["unshare", "--pid", "--fork", "--mount-proc"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("namespaces are not for us here")
    return words


@pytest.mark.parametrize("is_init", [False, True], ids=["subreaper", "pid-1"])
def test_strangers_are_reaped_and_no_status_is_stolen(is_init: bool) -> None:
    words = in_pid_namespace() if is_init else []

    told = run([*words, sys.executable, str(PROGRAMS / "reaper.py")])

    assert told["spawned"] == 25
    assert told["codes"] == [3] * 25
    assert (told["popen"], told["subprocess"]) == (7, 8)
    assert (told["pid"] == 1) is is_init


def test_lowered_limit_and_descriptors_from_birth() -> None:
    reader, writer = os.pipe()
    script = f'ulimit -Sn 64; exec "$0" "$@" {reader}'
    told = run(["sh", "-c", script, sys.executable, str(PROGRAMS / "lowered.py")], pass_fds=[reader])
    os.close(reader)
    os.close(writer)

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert told["inherited"]
    assert told["born"] == [64, hard]
    assert told["ours"] == [hard, hard]
    expected = {"plain": [], "stored": [told["number"]], "moved": [9], "beyond": [180], "exact": [9]}
    assert told["children"] == {name: [[64, hard], [0, 1, 2, *fds]] for name, fds in expected.items()}


def test_privileges_that_cannot_be_given_up_are_a_failed_spawn() -> None:
    """The program runs without the capability, as circusd of an ordinary user does."""
    if os.getuid() != 0:
        pytest.skip("drops a privilege that only root has")
    script = """
import asyncio, json
from circus_core.direct import DirectSpawner
from circus_core.spawner import Credentials, SpawnRequest
async def main():
    spawner = DirectSpawner()
    await spawner.open(lambda exits: None)
    requests = [
        SpawnRequest(argv=("touch", "ran"), env={}, credentials=who)
        for who in (Credentials(uid=65534), Credentials(gid=65534), Credentials(groups=(1, 2)))
    ]
    answers = await spawner.spawn(requests)
    await spawner.close()
    return [answer.error for answer in answers]
print(json.dumps(asyncio.run(main())))
"""
    drop = "-setuid,-setgid"
    words = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]
    assert run([*words, sys.executable, "-c", script]) == [
        "program 'touch' cannot run as user 65534: operation not permitted; only root may change it",
        "program 'touch' cannot run as group 65534: operation not permitted; only root may change it",
        "supplementary groups (1, 2) cannot be set: operation not permitted; only root may",
    ]


def test_same_groups_need_no_privilege(library: Harness) -> None:
    who = Credentials(uid=os.getuid(), gid=os.getgid(), groups=tuple(os.getgroups()))
    assert library.wait_for_exits([library.spawn_one(request("true", credentials=who))]) == [0]


def test_without_a_free_descriptor_children_are_swept() -> None:
    harness = Harness(lambda: DirectSpawner(check_delay=0.05))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_fds()) + 1, hard))
    try:
        filler = fill_descriptors()
        spawned = harness.spawn(request("true"), request("sleep", "60"))
        failure = harness.failure(request("true", stdout=Stdio.PIPE))
        for fd in filler:
            os.close(fd)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "too many open files; raise the limit of descriptors" in failure.error
    assert harness.wait_for_exits(spawned[:1]) == [0]
    assert harness.spawner.signal(spawned[1].child, signal.SIGTERM)
    assert harness.wait_for_exits(spawned[1:]) == [-15]
    harness.close()


def fill_descriptors() -> list[int]:
    filler = []
    try:
        while True:
            filler.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return filler


def test_child_under_a_debugger_is_told_when_the_debugger_lets_go() -> None:
    """The kernel shows the end of a traced process before its parent may collect it."""
    harness = Harness(lambda: DirectSpawner(check_delay=0.05))
    spawned = harness.spawn_one(request("sleep", "60"))
    tracer = subprocess.Popen(
        [sys.executable, "-c", TRACER, str(spawned.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert tracer.stdin is not None
    assert tracer.stdout is not None
    if tracer.stdout.readline() != "attached\n":
        tracer.communicate()
        harness.close()
        pytest.skip("ptrace is not for us here")
    harness.spawner.signal(spawned.child, signal.SIGKILL)
    wait_for(lambda: not is_alive(spawned.pid), "the end of the traced process")
    harness.run_for_a_turn()
    assert harness.batches == []

    tracer.communicate("let go\n")

    assert harness.wait_for_exits([spawned]) == [-9]
    harness.close()


TRACER = """
import ctypes, os, sys
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None)
if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None) == 0:
    print("attached", flush=True)
    sys.stdin.readline()
"""


def test_works_off_the_main_thread() -> None:
    codes: list[int | None] = []

    def work() -> None:
        harness = Harness(DirectSpawner)
        for fields in EACH_WAY:
            codes.extend(harness.wait_for_exits([harness.spawn_one(request("sh", "-c", "exit 4", **fields))]))
        harness.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [4, 4]


def test_two_spawners_in_one_program(library: Harness) -> None:
    async def both() -> tuple[list[int | None], list[int | None]]:
        codes: tuple[list[int | None], list[int | None]] = [], []
        spawners = DirectSpawner(), DirectSpawner()
        all_heard = asyncio.Event()

        def on_exits(n: int, exits: Sequence[Exited]) -> None:
            codes[n].extend(exited.exit_code for exited in exits)
            if len(codes[0]) + len(codes[1]) == 60:
                all_heard.set()

        for n, spawner in enumerate(spawners):
            await spawner.open(partial(on_exits, n))
        await asyncio.gather(*(s.spawn([request("sh", "-c", f"exit {n}")] * 30) for n, s in enumerate(spawners)))
        async with asyncio.timeout(10):
            await all_heard.wait()
        for spawner in spawners:
            await spawner.close()
        return codes

    assert library.runner.run(both()) == ([0] * 30, [1] * 30)


def test_can_be_opened_again() -> None:
    spawner = DirectSpawner()
    for _ in range(2):
        harness = Harness(lambda: spawner)
        assert harness.wait_for_exits(harness.spawn(request("true"), request("true", umask=0o22))) == [0, 0]
        harness.close()


def test_is_of_no_use_before_it_is_opened() -> None:
    with pytest.raises(LifecycleError, match="not open"):
        asyncio.run(DirectSpawner().spawn([request("true")]))


def test_children_of_a_program_that_ignores_sigchld_end_with_an_unknown_code() -> None:
    script = """
import asyncio, json, signal
from circus_core.direct import DirectSpawner
from circus_core.spawner import SpawnRequest
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
async def main():
    heard = []
    spawner = DirectSpawner(check_delay=0.05)
    await spawner.open(heard.extend)
    await spawner.spawn([SpawnRequest(argv=("true",), env={}), SpawnRequest(argv=("true",), env={}, umask=0)])
    async with asyncio.timeout(10):
        while len(heard) < 2:
            await asyncio.sleep(0.01)
    await spawner.close()
    return [exited.exit_code for exited in heard]
print(json.dumps(asyncio.run(main())))
"""
    assert run([sys.executable, "-c", script]) == [None, None]
