"""The figures of real processes, and who descends from whom."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from circus_core import _psutil
from circus_core.procinfo import GONE, ProcessInfo, Sampler, descendants
from tests.support.waiting import wait_for

KEYS = {
    "mem_info1",
    "mem_info2",
    "cpu",
    "mem",
    "ctime",
    "pid",
    "username",
    "nice",
    "create_time",
    "age",
    "cmdline",
    "children",
}

NO_PID = 2**22 + 1
"""Above what Linux ever gives."""


def one(sampler: Sampler, pid: int, *, with_children: bool = False) -> ProcessInfo:
    info = sampler.sample([pid], with_children=with_children)[pid]
    assert isinstance(info, dict)
    return info


@contextmanager
def family() -> Iterator[tuple[int, int, int]]:
    """Have a child with a child with a child, all of them waiting, and give their pids."""
    script = "import os, time; pids = [os.getpid()]\nfor _ in range(2): child = os.fork(); child and time.sleep(60)"
    script += "; pids.append(os.getpid())\nprint(*pids, flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    _, child, grandchild = map(int, process.stdout.readline().split())
    try:
        yield process.pid, child, grandchild
    finally:
        os.kill(child, 9)
        os.kill(grandchild, 9)
        process.kill()
        process.communicate()


def test_zombie() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        info = one(Sampler(), process.pid)
        assert (info["nice"], info["mem_info1"], info["cmdline"]) == ("Zombie", "0B", "N/A")


def test_user_of_a_process_that_may_not_be_traced() -> None:
    """What is in its folder in /proc belongs to root, whoever it runs as."""
    if os.getuid() != 0:
        pytest.skip("only root can run a process as another user")
    script = "import os; os.setuid(65534); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert os.stat(f"/proc/{process.pid}/stat").st_uid == 0
        assert one(Sampler(), process.pid)["username"] == pwd.getpwuid(65534).pw_name
        process.communicate(b"\n")


def test_name_may_hold_anything(tmp_path: Path) -> None:
    odd = tmp_path / ") R (1 2 3"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-I", "-S", "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        info = one(Sampler(), process.pid)
        assert (info["cmdline"], info["nice"]) == (odd.name, 0)
        assert descendants(process.pid, recursive=True) == []
        process.communicate(b"\n")


def test_children_are_the_direct_ones() -> None:
    with family() as (parent, child, grandchild):
        result = Sampler().sample([parent, child, NO_PID])
        info = result[parent]
        assert isinstance(info, dict)
        assert [below["pid"] for below in info["children"]] == [child]
        assert info["children"][0].keys() == KEYS
        assert info["children"][0]["children"] == []
        info = result[child]
        assert isinstance(info, dict)
        assert [below["pid"] for below in info["children"]] == [grandchild]
        assert result[NO_PID] == GONE
        assert one(Sampler(), parent)["children"] == []


def test_descendants_parents_first() -> None:
    with family() as (parent, child, grandchild):
        assert descendants(parent, recursive=False) == [child]
        assert descendants(parent, recursive=True) == [child, grandchild]
        assert descendants(grandchild, recursive=True) == []
        assert _psutil.children(parent) == [child]
    assert descendants(NO_PID, recursive=True) == []


def test_all_of_many_children_are_found() -> None:
    processes = [subprocess.Popen(["sleep", "60"]) for _ in range(30)]
    try:
        assert set(descendants(os.getpid(), recursive=False)) >= {process.pid for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_importing_it_does_not_import_psutil() -> None:
    script = "import sys, circus_core.procinfo; sys.exit('psutil' in sys.modules)"
    root = str(Path(__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": root}, check=False).returncode == 0


def test_sampler_that_keeps_processes_open_reads_the_same_and_lets_go() -> None:
    sampler = Sampler(is_periodic=True)
    with family() as (parent, child, _):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(2):
            result = sampler.sample([parent, child, NO_PID], with_children=False)
            fresh = Sampler().sample([parent, child, NO_PID], with_children=False)
            for pid in (parent, child):
                ours, theirs = result[pid], fresh[pid]
                assert isinstance(ours, dict) and isinstance(theirs, dict)
                assert [ours[key] for key in ("pid", "username", "cmdline", "create_time")] == [
                    theirs[key] for key in ("pid", "username", "cmdline", "create_time")
                ]
            assert result[NO_PID] == GONE
        assert len(os.listdir("/proc/self/fd")) == before + 2
        sampler.sample([child], with_children=False)
        assert len(os.listdir("/proc/self/fd")) == before + 1
        sampler.close()
        assert len(os.listdir("/proc/self/fd")) == before


def test_process_that_is_younger_than_the_list_is_another_one() -> None:
    with family() as (parent, _, _):
        assert Sampler().sample([parent], min_age=3600) == {parent: GONE}
        assert isinstance(Sampler().sample([parent], min_age=0.001)[parent], dict)


def test_program_that_becomes_another_one_changes_its_name() -> None:
    script = "import os; print(flush=True); input(); os.execvp('sleep', ['sleep', '60'])"
    sampler = Sampler(is_periodic=True)
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", script], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert one(sampler, process.pid)["cmdline"].startswith("python")
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "the other program")
        assert one(sampler, process.pid)["cmdline"] == "sleep"
        process.kill()
    sampler.close()


def test_sampler_that_is_asked_now_and_then_remembers_no_more_than_there_is() -> None:
    sampler = Sampler()
    with subprocess.Popen(["/bin/sleep", "60"]) as steady:
        sampler.sample([steady.pid])
        for _ in range(20):
            with subprocess.Popen(["/bin/sleep", "60"]) as process:
                sampler.sample([os.getpid(), process.pid], with_children=False)
                process.kill()
        assert steady.pid in sampler.known, "asked for again, its share since then is told"
        assert len(sampler.known) < 6
        steady.kill()


def test_sampler_of_many_that_come_and_go_forgets_them() -> None:
    sampler = Sampler(is_periodic=True)
    for _ in range(20):
        with subprocess.Popen(["/bin/sleep", "60"]) as process:
            sampler.sample([os.getpid(), process.pid], with_children=False)
            process.kill()
    sampler.sample([os.getpid()], with_children=False)
    assert sampler.known == [os.getpid()]
    sampler.close()
    assert sampler.known == []
