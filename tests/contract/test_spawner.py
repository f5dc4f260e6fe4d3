"""What every Spawner promises of programs and their ends, see ``circus_core.spawner``."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from circus_core._descriptors import open_fds
from circus_core.spawner import (
    OpenFd,
    Spawned,
    Spawner,
    SpawnFailure,
    Stdio,
)
from tests.support.procs import is_alive, reap_quietly
from tests.support.spawners import (
    EACH_WAY,
    OF_ONES_OWN,
    Harness,
    reap,
    report_request,
    request,
    write_program,
)
from tests.support.waiting import wait_for


def test_is_a_spawner(harness: Harness) -> None:
    assert isinstance(harness.spawner, Spawner)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -TERM $$", -15), ("kill -KILL $$", -9)],
)
def test_exit_code_is_the_status_or_minus_the_signal(harness: Harness, script: str, code: int) -> None:
    assert harness.wait_for_exits([harness.spawn_one(request("sh", "-c", script))]) == [code]


def test_answers_come_in_the_order_of_the_requests(harness: Harness) -> None:
    answers = harness.answers(
        request("sh", "-c", "exit 1", umask=0o22),
        request("/no/such/program"),
        request("sh", "-c", "exit 3"),
        request("sh", "-c", "exit 4", umask=0o22),
        request("sh", "-c", "exit 5"),
    )

    spawned = [answer for answer in answers if isinstance(answer, Spawned)]
    assert [isinstance(answer, Spawned) for answer in answers] == [True, False, True, True, True]
    assert harness.wait_for_exits(spawned) == [1, 3, 4, 5]


def test_no_requests_no_answers(harness: Harness) -> None:
    assert harness.answers() == []


def test_child_ids_are_never_reused(harness: Harness) -> None:
    seen = set()
    for _ in range(3):
        spawned = harness.spawn(request("true"), request("true"))
        harness.wait_for_exits(spawned)
        for child in spawned:
            harness.spawner.acknowledge(child.child)
            seen.add(child.child)
    assert len(seen) == 6


def test_arguments_arrive_as_they_are(harness: Harness) -> None:
    words = ("", "two words", "$HOME", "ümläut", "\udce9", "-x", "a\nb")
    assert tuple(harness.report(report_request(*words))["argv"]) == words


def test_environment_is_exactly_what_was_asked(harness: Harness) -> None:
    env = {"PATH": "/bin", "EMPTY": "", "EQUALS": "a=b", "UMLAUT": "ü", "BYTES": "\udcff"}
    for fields in EACH_WAY:
        output = harness.output(
            harness.spawn_one(request("cat", "/proc/self/environ", env=env, stdout=Stdio.PIPE, **fields))
        )
        assert output == b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())


def test_program_is_found_in_the_path_of_its_own_environment(harness: Harness, tmp_path: Path) -> None:
    write_program(tmp_path / "one" / "tool", "exit 21", mode=0o644)
    write_program(tmp_path / "two" / "tool", "exit 22")
    env = {"PATH": f"{tmp_path}/none:{tmp_path}/one:{tmp_path}/two"}
    for fields in EACH_WAY:
        assert harness.wait_for_exits([harness.spawn_one(request("tool", env=env, **fields))]) == [22]


def test_program_is_found_in_bin_without_a_path(harness: Harness) -> None:
    for fields in EACH_WAY:
        assert harness.wait_for_exits([harness.spawn_one(request("true", env={}, **fields))]) == [0]


@pytest.mark.parametrize("argv0", ["./tool", "sub/tool"])
def test_program_with_a_slash_is_relative_to_cwd(harness: Harness, tmp_path: Path, argv0: str) -> None:
    write_program(tmp_path / argv0, "exit 23")
    for fields in EACH_WAY:
        spawned = harness.spawn_one(request(argv0, cwd=str(tmp_path), **fields))
        assert harness.wait_for_exits([spawned]) == [23]


def test_relative_path_is_relative_to_cwd(harness: Harness, tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "tool", "exit 24")
    for fields in EACH_WAY:
        spawned = harness.spawn_one(request("tool", env={"PATH": "bin:/bin"}, cwd=str(tmp_path), **fields))
        assert harness.wait_for_exits([spawned]) == [24]


def test_executable_runs_under_the_name_of_argv0(harness: Harness) -> None:
    for fields in EACH_WAY:
        spawned = harness.spawn_one(
            request("shown", "/proc/self/cmdline", executable="cat", stdout=Stdio.PIPE, **fields)
        )
        assert harness.output(spawned) == b"shown\0/proc/self/cmdline\0"


def test_cwd(harness: Harness, tmp_path: Path) -> None:
    assert harness.report(report_request())["cwd"] == os.getcwd()
    assert harness.report(report_request(cwd=str(tmp_path)))["cwd"] == str(tmp_path)


def test_child_leads_a_session(harness: Harness) -> None:
    for fields in EACH_WAY:
        report = harness.report(report_request(**fields))
        assert report["pid"] == report["pgid"] == report["sid"]


def test_signals_are_default_and_unblocked(harness: Harness) -> None:
    old = {signum: signal.signal(signum, signal.SIG_IGN) for signum in (signal.SIGHUP, signal.SIGUSR1)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGTERM])
    try:
        for fields in EACH_WAY:
            output = harness.output(
                harness.spawn_one(request("grep", "^Sig[BI]", "/proc/self/status", stdout=Stdio.PIPE, **fields))
            )
            # glibc's posix_spawn ignores the two signals (32 and 33) that its threads use among themselves.
            blocked, ignored = (int(line.split()[1], 16) for line in output.splitlines())
            assert (blocked, ignored & ~0x180000000) == (0, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for signum, handler in old.items():
            signal.signal(signum, handler)


def test_started_is_the_time_of_its_start(harness: Harness) -> None:
    (spawned,) = harness.spawn(request("sleep", "60"))
    ticks = int(Path(f"/proc/{spawned.pid}/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    age = uptime - ticks / os.sysconf("SC_CLK_TCK")
    assert abs(time.time() - age - spawned.started) < 20


def test_many_killed_at_once_are_all_told(harness: Harness) -> None:
    spawned = harness.spawn(*[request("sleep", "60")] * 300)
    assert len({child.pid for child in spawned}) == 300
    for child in spawned:
        assert harness.spawner.signal(child.child, signal.SIGKILL)

    assert harness.wait_for_exits(spawned) == [-9] * 300
    assert sum(map(len, harness.batches)) == 300
    assert not any(is_alive(child.pid) for child in spawned)


def test_children_that_die_at_once_are_all_told(harness: Harness) -> None:
    spawned = harness.spawn(*[request("true")] * 100)
    assert harness.wait_for_exits(spawned) == [0] * 100
    assert sum(map(len, harness.batches)) == 100


def test_an_end_is_told_after_its_spawn_returned(harness: Harness) -> None:
    told_early = []

    async def spawn() -> list[Spawned | SpawnFailure]:
        answers = await harness.spawner.spawn([request("true")] * 60 + [request("true", umask=0o22)])
        told_early.extend(harness.batches)
        return answers

    answers = harness.runner.run(spawn())
    assert told_early == []
    assert harness.wait_for_exits([answer for answer in answers if isinstance(answer, Spawned)]) == [0] * 61


def test_end_is_told_once_and_kept_until_acknowledged(harness: Harness) -> None:
    first, second = harness.spawn(request("true", label="one"), request("sleep", "60", label="two"))
    harness.wait_for_exits([first])

    records = harness.spawner.children()
    assert [(record.spawned, record.label) for record in records] == [(first, "one"), (second, "two")]
    assert records[0].exited == harness.exits[first.child]
    assert records[1].exited is None
    harness.spawner.acknowledge(second.child)  # it runs: nothing to forget yet
    harness.spawner.acknowledge(first.child)
    harness.spawner.acknowledge(first.child)
    assert [record.spawned for record in harness.spawner.children()] == [second]
    assert sum(map(len, harness.batches)) == 1


def test_signal_tells_if_the_child_is_gone(harness: Harness) -> None:
    spawned = harness.spawn_one(request("sleep", "60"))
    assert harness.spawner.signal(spawned.child, 0)
    assert harness.spawner.signal(spawned.child, signal.SIGTERM)
    assert harness.wait_for_exits([spawned]) == [-15]
    assert not harness.spawner.signal(spawned.child, signal.SIGTERM)
    harness.spawner.acknowledge(spawned.child)
    assert not harness.spawner.signal(spawned.child, signal.SIGTERM)


def test_stopped_and_continued_is_no_end(harness: Harness) -> None:
    spawned = harness.spawn_one(request("sleep", "60"))
    harness.spawner.signal(spawned.child, signal.SIGSTOP)
    harness.spawner.signal(spawned.child, signal.SIGCONT)
    later = harness.spawn_one(request("true"))
    harness.wait_for_exits([later])
    assert harness.exits.keys() == {later.child}


def test_status_of_other_children_is_not_taken(harness: Harness) -> None:
    with subprocess.Popen(["sh", "-c", "exit 7"]) as other:
        assert harness.wait_for_exits(harness.spawn(*[request("true")] * 5)) == [0] * 5
        assert other.wait() == 7

    async def run() -> int:
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 8")
        return await process.wait()

    assert harness.runner.run(run()) == 8


@pytest.mark.parametrize("make_spawner", OF_ONES_OWN.values(), ids=OF_ONES_OWN)
def test_status_that_somebody_took_is_unknown(harness: Harness) -> None:
    reader, writer = os.pipe()
    spawned = harness.spawn_one(request("sh", "-c", "read line; exit 5", stdin=OpenFd(reader)))
    os.close(reader)
    os.close(writer)
    assert reap(spawned.pid) == 5
    assert harness.wait_for_exits([spawned]) == [None]
    assert not harness.spawner.signal(spawned.child, 0)


def test_long_batch_lets_the_loop_run(harness: Harness) -> None:
    turns = 0

    async def spawn() -> list[Spawned | SpawnFailure]:
        nonlocal turns
        task = asyncio.create_task(harness.spawner.spawn([request("true")] * 150))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return task.result()

    answers = harness.runner.run(spawn())
    harness.wait_for_exits([answer for answer in answers if isinstance(answer, Spawned)])
    assert turns > 5


def test_single_spawn_does_not_wait_for_a_long_batch(harness: Harness) -> None:
    async def spawn() -> tuple[bool, list[Spawned | SpawnFailure]]:
        batch = asyncio.create_task(harness.spawner.spawn([request("true")] * 150))
        await asyncio.sleep(0)
        single = await harness.spawner.spawn([request("true")])
        return batch.done(), single + await batch

    was_done, answers = harness.runner.run(spawn())
    harness.wait_for_exits([answer for answer in answers if isinstance(answer, Spawned)])
    assert not was_done


def test_wrapped_children_are_prepared_side_by_side(harness: Harness) -> None:
    spawned = harness.spawn(*[request("sh", "-c", f"exit {n}", umask=0o22) for n in range(12)])
    assert harness.wait_for_exits(spawned) == list(range(12))


def test_no_descriptor_is_lost(make_spawner: Callable[[], Spawner]) -> None:
    before = open_fds()
    harness = Harness(make_spawner)
    for _ in range(5):
        spawned = harness.spawn(*[request("true", stdout=Stdio.PIPE)] * 95, *[request("true", umask=0o22)] * 5)
        for child in spawned:
            if child.stdout is not None:
                os.close(child.stdout)
        harness.wait_for_exits(spawned)
        for child in spawned:
            harness.spawner.acknowledge(child.child)
    harness.close()
    assert open_fds() == before


def test_close_leaves_children_alone(make_spawner: Callable[[], Spawner]) -> None:
    harness = Harness(make_spawner)
    spawned = harness.spawn_one(request("sleep", "60"))
    harness.runner.run(harness.spawner.close())
    harness.runner.run(harness.spawner.close())

    assert is_alive(spawned.pid)
    os.kill(spawned.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(spawned.pid), "its end")
    assert harness.batches == []
    reap_quietly(spawned.pid)
    harness.runner.close()
