"""The figures of processes, as the protocol shows them."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from circus_core import _psutil
from circus_core.procinfo import GONE, ProcessInfo, Sampler, descendants, human_cpu_time, human_size

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


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


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


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0B"),
        (10, "10B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (10000, "9.77K"),
        (3 * 1024**3, "3.00G"),
        (1024**8, "1.00Y"),
        (5000 * 1024**8, "5000.00Y"),
    ],
)
def test_human_size(amount: int, text: str) -> None:
    assert human_size(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00.00"),
        (0.05, "0:00.05"),
        (9.5, "0:09.50"),
        (61.25, "1:01.25"),
        (3599.99, "59:59.99"),
        (3600, "0:00.00"),
    ],
)
def test_human_cpu_time(seconds: float, text: str) -> None:
    assert human_cpu_time(seconds) == text


def test_figures_of_a_process_are_those_of_psutil() -> None:
    info = one(Sampler(), os.getpid())
    process = psutil.Process()
    assert info.keys() == KEYS
    assert info["pid"] == os.getpid()
    assert info["username"] == process.username() == pwd.getpwuid(os.getuid()).pw_name
    assert info["nice"] == process.nice()
    # psutil counts from a boot time that is cut to whole seconds.
    assert info["create_time"] == pytest.approx(process.create_time(), abs=1.1)
    assert info["age"] == pytest.approx(time.time() - info["create_time"], abs=0.5)
    assert info["cmdline"] == os.path.basename(process.cmdline()[0])
    assert info["mem"] == pytest.approx(process.memory_percent(), rel=0.1)
    assert megabytes(info["mem_info1"]) == pytest.approx(process.memory_info().rss / 1024**2, rel=0.1)
    assert megabytes(info["mem_info2"]) == pytest.approx(process.memory_info().vms / 1024**2, rel=0.1)
    times = process.cpu_times()
    minutes, _, seconds = info["ctime"].partition(":")
    assert int(minutes) * 60 + float(seconds) == pytest.approx(times.user + times.system, abs=0.5)
    assert info["children"] == []


def megabytes(text: str) -> float:
    return float(text[:-1]) * {"K": 1 / 1024, "M": 1, "G": 1024}[text[-1]]


def test_cpu_is_the_share_since_the_sample_before() -> None:
    clock = Clock()
    sampler = Sampler(clock)
    assert one(sampler, os.getpid())["cpu"] == 0.0
    before = sum(os.times()[:2])
    while sum(os.times()[:2]) < before + 0.05:
        pass
    clock.now += 0.5
    percent = one(sampler, os.getpid())["cpu"]
    assert 6 <= percent <= 50

    clock.now += 0.01
    assert one(sampler, os.getpid())["cpu"] == percent, "too soon to tell anew"
    clock.now += 1000
    assert one(sampler, os.getpid())["cpu"] < 1
    clock.now += 2000
    sampler.sample([])
    assert one(sampler, os.getpid())["cpu"] == 0.0, "forgotten"


def test_process_that_is_not_there() -> None:
    assert Sampler().sample([NO_PID, NO_PID]) == {NO_PID: GONE}


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


def test_fallback_reads_the_same() -> None:
    from circus_core import _procfs

    pid = os.getpid()
    ours, theirs = _procfs.read_figures(pid), _psutil.read_figures(pid)
    assert ours is not None
    assert theirs is not None
    assert (ours.pid, ours.ppid, ours.nice, ours.is_zombie) == (theirs.pid, theirs.ppid, theirs.nice, theirs.is_zombie)
    assert ours.rss == pytest.approx(theirs.rss, rel=0.1)
    assert _procfs.read_uid(pid) == _psutil.read_uid(pid)
    assert _procfs.read_command(pid) == _psutil.read_command(pid)
    assert _procfs.total_memory() == pytest.approx(_psutil.total_memory(), rel=0.01)
    assert pid in _psutil.read_all_figures()
    assert (_psutil.read_figures(NO_PID), _psutil.read_uid(NO_PID), _psutil.read_command(NO_PID)) == (None, None, None)
    assert _psutil.children(NO_PID) == []


def test_importing_it_does_not_import_psutil() -> None:
    script = "import sys, circus_core.procinfo; sys.exit('psutil' in sys.modules)"
    root = str(Path(__file__).parents[3])
    assert subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": root}, check=False).returncode == 0
