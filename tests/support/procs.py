"""Facts about processes, read from /proc."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
BROWSERS = ("chromium", "chromium-headle", "chrome_crashpad")  #: names of processes that tests drive, and no daemon has
IS_LINUX = os.path.exists("/proc/self/stat")


def become_subreaper() -> None:
    """From now on orphans of our descendants become our children, so that none can hide."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """From now on we get ``TERM`` when our parent dies: a test run that is killed leaves no daemon."""
    if IS_LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def is_alive(pid: int) -> bool:
    """Tell whether the process exists and is not a zombie."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def parent_of(pid: int) -> int | None:
    """Return the parent's pid, ``None`` when the process is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def cpu_seconds(pid: int) -> float:
    """Return user and system time that the process itself took."""
    stat = _stat(pid)
    assert stat is not None, f"process {pid} is gone"
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return the pids of the direct children, zombies included."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def descendants_of(pid: int, *, but: Collection[int] = ()) -> list[int]:
    """Return the pids of children, their children and so on, parents first; without *but* and what comes from it."""
    children = [child for child in children_of(pid) if child not in but]
    return children + [pid for child in children for pid in descendants_of(child, but=but)]


def name_of(pid: int) -> str:
    """Return the name that lists of processes show."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def credentials_of(pid: int) -> dict[str, list[int]]:
    """Return real, effective, saved and file-system ids of user and group, and the other groups."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        words[0][:-1]: [int(word) for word in words[1:]] for words in lines if words[0] in ("Uid:", "Gid:", "Groups:")
    }


def command_of(pid: int) -> str:
    """Return the command line, for messages."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def nobody_is_left() -> Iterator[None]:
    """Between the two halves of this generator processes may be started; fail when one runs on, and end it."""
    become_subreaper()
    before = descendants_of(os.getpid())
    yield
    limit = time.monotonic() + 10.0
    while (left := _alive_but(before)) and time.monotonic() < limit:
        time.sleep(0.02)
    commands = [f"{pid} {command_of(pid)}" for pid in left]
    for pid in left:
        kill_quietly(pid)
    assert not commands, f"processes were left: {commands}"


def _alive_but(others: Collection[int]) -> list[int]:
    found = [pid for pid in descendants_of(os.getpid()) if pid not in others and is_alive(pid)]
    return [pid for pid in found if name_of(pid) not in BROWSERS]


def kill_quietly(pid: int) -> None:
    """Send ``SIGKILL``; it may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def reap_quietly(pid: int) -> None:
    """Collect *pid* if it is a dead child of ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def started_at(pid: int) -> float:
    """Return when the process was created, in seconds since boot."""
    stat = _stat(pid)
    assert stat is not None, f"process {pid} is gone"
    return int(stat[19]) / os.sysconf("SC_CLK_TCK")


def switches_of(pid: int) -> int:
    """Return how often the threads of the process gave up the processor to wait."""
    status = (Path(f"/proc/{pid}/task/{task}/status").read_text() for task in os.listdir(f"/proc/{pid}/task"))
    lines = (line.split() for text in status for line in text.splitlines())
    return sum(int(words[1]) for words in lines if words[0] == "voluntary_ctxt_switches:")


def sleeps(pid: int, most: int, seconds: float = 2.0) -> Callable[[], bool]:
    """Return a probe for ``wait_for``: whether the process was woken no more than *most* times for so long."""
    since, before = time.monotonic(), switches_of(pid)

    def has_slept() -> bool:
        nonlocal since, before
        now, switches = time.monotonic(), switches_of(pid)
        if switches - before > most:
            since, before = now, switches
        return now - since > seconds

    return has_slept
