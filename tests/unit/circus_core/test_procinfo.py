"""The figures of processes, as the protocol shows them."""

from __future__ import annotations

import os
import pwd
import time

import psutil
import pytest

from circus_core import _psutil
from circus_core.procinfo import GONE, ProcessInfo, Sampler, human_cpu_time, human_size
from circus_core.testing import FakeClock

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
    began = time.time()
    info = one(Sampler(), os.getpid())
    ended = time.time()
    process = psutil.Process()
    assert info.keys() == KEYS
    assert info["pid"] == os.getpid()
    assert info["username"] == process.username() == pwd.getpwuid(os.getuid()).pw_name
    assert info["nice"] == process.nice()
    # psutil counts from a boot time that is cut to whole seconds.
    assert info["create_time"] == pytest.approx(process.create_time(), abs=1.1)
    assert began - 0.5 < info["create_time"] + info["age"] < ended + 0.5
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


def test_cpu_is_the_share_since_the_sample_before(fake_clock: FakeClock) -> None:
    sampler = Sampler(fake_clock)
    assert one(sampler, os.getpid())["cpu"] == 0.0
    before = sum(os.times()[:2])
    while sum(os.times()[:2]) < before + 0.05:
        pass
    fake_clock.advance(0.5)
    percent = one(sampler, os.getpid())["cpu"]
    assert 6 <= percent <= 50

    fake_clock.advance(0.01)
    assert one(sampler, os.getpid())["cpu"] == percent, "too soon to tell anew"
    fake_clock.advance(1000)
    assert one(sampler, os.getpid())["cpu"] < 1


def test_process_that_is_not_there() -> None:
    assert Sampler().sample([NO_PID, NO_PID]) == {NO_PID: GONE}


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
