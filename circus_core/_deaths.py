"""Ends the processes of a watcher, and collects those that ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from math import inf
from typing import Final

from circus_core import events
from circus_core._actual import Actual
from circus_core._signalling import send_to_stranger
from circus_core.options import Respawn
from circus_core.process import Process
from circus_core.procinfo import descendants
from circus_core.reconcile import Cause, Step
from circus_core.spawner import Exited
from circus_core.states import ProcessState

_REPORTED: Final = frozenset({Cause.DIED, Cause.STOP, Cause.TURN})  #: ends that clients are told of by ``reap``
_ENDED_BY_ITSELF: Final = 2  #: ``UNEXISTING``, of the documented ``circus.process``


class Deaths:
    """Stops, kills and reaps the processes of a watcher."""

    def __init__(self, actual: Actual) -> None:
        self._actual = actual

    def told(self, process: Process, exited: Exited) -> None:
        """Take the end of *process*: its output is delivered first."""
        self._actual.output.finish(process, lambda: self._ended(process, exited.exit_code))

    async def stop(self, step: Step) -> None:
        """Ask a process to end."""
        actual, config = self._actual, self._actual.config
        process = self._process(step)
        if process.state is not ProcessState.RUNNING:
            return
        assert step.cause is not None
        grace = config.graceful_timeout if process.graceful_timeout is None else process.graceful_timeout
        signum = config.stop_signal if process.stop_signal is None else process.stop_signal
        process.begin_stop(step.cause, actual.services.clock() + grace)
        if step.cause in (Cause.EXPIRED, Cause.COMMAND) and config.respawn is Respawn.NEVER:
            actual.observed.finished += 1
        below = descendants(process.pid, recursive=False) if config.stop_children else []
        await self._signal(process, signum, below)

    async def kill(self, step: Step) -> None:
        """End a process whose grace is over, and all that descends from it."""
        process = self._process(step)
        if process.state is not ProcessState.STOPPING:
            return
        process.kill_at = inf
        # Who descends from it cannot be told once it is dead.
        below = descendants(process.pid, recursive=True)
        await self._signal(process, signal.SIGKILL, below)

    async def reap(self, step: Step) -> None:
        """Collect a dead process."""
        actual = self._actual
        process = self._process(step)
        pid, code, now = process.pid, process.exit_code, time.time()
        is_reported = process.cause in _REPORTED
        if is_reported:
            await actual.hooks.call("before_reap", process_pid=pid, time=now)
        del actual.processes[process.wid]
        actual.services.spawner.acknowledge(process.child)
        if is_reported:
            actual.publish(
                events.ProcessReaped(
                    watcher=actual.config.name, time=now, process_pid=pid, exit_code=code, wid=process.wid
                )
            )
            status = _ENDED_BY_ITSELF if process.cause is Cause.DIED else None
            await actual.hooks.call("after_reap", process_pid=pid, time=now, exit_code=code, process_status=status)
        actual.notify("circus_process_exited", wid=process.wid, pid=pid, exit_code=code)

    def _process(self, step: Step) -> Process:
        assert step.wid is not None
        return self._actual.processes[step.wid]

    def _ended(self, process: Process, exit_code: int | None) -> None:
        actual = self._actual
        if actual.is_abandoned:
            del actual.processes[process.wid]
            actual.services.spawner.acknowledge(process.child)
            if not actual.processes:
                actual.services.estate.forget_watcher(actual.key)
            return
        process.end(exit_code)
        actual.last_exit = {"pid": process.pid, "wid": process.wid, "exit_code": exit_code, "time": time.time()}
        if process.cause is Cause.DIED:
            self._count(process)
        actual.wake()

    def _count(self, process: Process) -> None:
        """Note what the death of a process that nobody asked to end means for its slot."""
        actual, config = self._actual, self._actual.config
        now = actual.services.clock()
        actual.last_life = now - process.started_at
        is_done = config.respawn is Respawn.NEVER or (config.respawn is Respawn.ON_FAILURE and process.exit_code == 0)
        if config.on_demand or is_done:
            actual.observed.finished += 1
            actual.pacing.forget(process.wid)
        else:
            actual.restarts += 1
            actual.pacing.died(process.wid, actual.last_life, now)

    async def _signal(self, process: Process, signum: int, below: Sequence[int]) -> None:
        """Send a signal to a process and to those *below* it; a hook may withhold it, but for SIGKILL."""
        actual = self._actual
        details = {"pid": process.pid, "signum": int(signum)}
        is_granted = await actual.hooks.call("before_signal", **details)
        if is_granted or signum == signal.SIGKILL:
            actual.send(process, signum)
        await actual.hooks.call("after_signal", **details)
        for pid in below:
            send_to_stranger(pid, signum)
        for pid in (process.pid, *below):
            actual.publish(events.ProcessKilled(watcher=actual.config.name, process_pid=pid))
