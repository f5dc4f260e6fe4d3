"""Who gets a signal that a command asked for, and its sending."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from circus_core.errors import MessageError
from circus_core.process import Process
from circus_core.procinfo import descendants
from circus_core.states import ProcessState

if TYPE_CHECKING:
    from circus_core._actual import Actual


def targets(actual: Actual, pid: int | None, childpid: int | None, children: bool) -> list[Process]:
    """Return the processes of the watcher that a signal is about.

    :raises MessageError: *pid* has to be one of its processes, and is not; *childpid* is no child of it
    """
    running = [p for p in actual.processes.values() if p.state is not ProcessState.DEAD]
    if pid is None:
        return running
    found = [p for p in running if p.pid == pid]
    if not found and (children or childpid is not None):
        raise MessageError(f"process {pid} not found in {actual.config.name!r}")
    if childpid is not None and childpid not in descendants(pid, recursive=False):
        raise MessageError(f"process {childpid} is no child of process {pid} of {actual.config.name!r}")
    return found


async def deliver(
    actual: Actual,
    processes: list[Process],
    signum: int,
    *,
    childpid: int | None,
    children: bool,
    recursive: bool,
) -> None:
    """Send *signum* to each of *processes*, or to those below it; its hooks are called for the process itself."""
    for process in processes:
        if childpid is not None:
            below = [childpid]
        else:
            # Looked up first: who descends from a process cannot be told once it is dead.
            below = descendants(process.pid, recursive=recursive) if children or recursive else []
        if childpid is None and (recursive or not children):
            await _deliver_to(actual, process, signum)
        for pid in below:
            send_to_stranger(pid, signum)


def send_to_stranger(pid: int, signum: int) -> None:
    """Send a signal to a process that is no child of ours; one that is gone, or another user's, is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signum)


async def _deliver_to(actual: Actual, process: Process, signum: int) -> None:
    if await actual.hooks.call("before_signal", pid=process.pid, signum=signum):
        actual.send(process, signum)
    await actual.hooks.call("after_signal", pid=process.pid, signum=signum)
