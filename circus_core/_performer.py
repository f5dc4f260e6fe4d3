"""Performs the steps of a watcher's plan on its real processes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Any, Final

from circus_core import events
from circus_core._output import WatcherOutput
from circus_core._signalling import send_to_stranger
from circus_core._spawning import build_request
from circus_core.errors import CircusError
from circus_core.events import Event
from circus_core.hooks import WatcherHooks
from circus_core.options import Respawn, WatcherConfig
from circus_core.pacing import Pacing
from circus_core.process import Process
from circus_core.procinfo import descendants
from circus_core.reconcile import Cause, Desired, Do, Observed, Step
from circus_core.services import Services, logger
from circus_core.spawner import Exited, Spawned, SpawnFailure, SpawnRequest
from circus_core.states import ProcessState, WatcherState, Wid, check_watcher_move

if TYPE_CHECKING:
    from circus_core.interfaces import ArbiterHandle
    from circus_core.watcher import Watcher

_BATCH: Final = 32  #: spawns between two looks at whether something else is desired by now
_REPORTED: Final = frozenset({Cause.DIED, Cause.STOP, Cause.TURN})  #: ends that clients are told of by ``reap``


class Performer:
    """The real side of a watcher: its state, its processes, and how each step is done.

    :param wake: called when something happened that the plan should see
    """

    def __init__(
        self,
        config: WatcherConfig,
        services: Services,
        watcher: Watcher,
        arbiter: ArbiterHandle,
        wake: Callable[[], None],
    ) -> None:
        self.config = config
        self.processes: dict[Wid, Process] = {}
        self.observed = Observed(processes=self.processes)
        self.pacing = Pacing(services.check_delay, self.observed.not_before)
        self.output = WatcherOutput(config, services)
        self.reason: str | None = None
        self.since = time.time()
        self.last_exit: dict[str, Any] | None = None
        self.last_error: str | None = None
        self.restarts = 0
        self.rearms_demand = False
        self.last_life = inf  #: seconds that the process lived which ended last by itself
        self._services = services
        self._watcher = watcher
        self._arbiter = arbiter
        self._wake = wake
        self._is_abandoned = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._hooks = self._make_hooks()
        self._acts: Final[dict[Do, Callable[[Step, Desired], Coroutine[Any, Any, None]]]] = {
            Do.START: self._start,
            Do.ACTIVATE: self._activate,
            Do.STOP: self._stop,
            Do.KILL: self._kill,
            Do.REAP: self._reap,
            Do.RELOADED: self._reloaded,
            Do.BEGIN_STOP: self._begin_stop,
            Do.FINISH_STOP: self._finish_stop,
        }

    @property
    def hooks(self) -> WatcherHooks:
        """The watcher's own hooks."""
        return self._hooks

    async def perform(
        self, steps: Sequence[Step], desired: Callable[[], Desired], is_stale: Callable[[], bool]
    ) -> None:
        """Perform *steps* in order; stop early as soon as *is_stale* says that another plan may be needed."""
        for do, group in groupby(steps, key=lambda step: step.do):
            if do is Do.SPAWN:
                wids = [step.wid for step in group if step.wid is not None]
                for start in range(0, len(wids), _BATCH):
                    await self._spawn(wids[start : start + _BATCH], desired())
                    if is_stale():
                        return
                continue
            for step in group:
                await self._acts[do](step, desired())
                if is_stale():
                    return

    # -- what the watcher tells it ------------------------------------------------------------------------------

    def reconfigure(self, config: WatcherConfig) -> None:
        """Take another configuration; what runs is left as it is."""
        hooks_differ = config.hooks != self.config.hooks or config.hook_timeout != self.config.hook_timeout
        self.config = config
        self.output.reconfigure(config)
        if hooks_differ:
            self._hooks = self._make_hooks()

    def forget_failures(self) -> None:
        """Let every slot be filled at once."""
        self.pacing.clear()
        self.observed.finished = 0

    def shrink(self, count: int) -> None:
        """Note that *count* fewer processes are desired: slots that are done go first."""
        self.observed.finished = max(0, self.observed.finished - max(0, count))

    def hang_up(self) -> None:
        """Send SIGHUP to every process."""
        for process in self._running():
            self.send(process, signal.SIGHUP)

    def abandon(self) -> None:
        """Let the processes run on without it."""
        self._is_abandoned = True

    def running_pids(self) -> list[int]:
        """Return the pids of the processes that nobody asked to end."""
        return [p.pid for p in self._running()]

    def retries(self, now: float) -> int:
        """Return the failed tries in a row of the worst slot."""
        return self.pacing.retries({p.wid for p in self._running() if now - p.started_at >= 1.0})

    def send(self, process: Process, signum: int) -> None:
        """Send a signal to a process; one that is gone is no error."""
        try:
            self._services.spawner.signal(process.child, signum)
        except PermissionError as exc:
            logger.warning(
                "watcher %s: cannot send signal %d to pid %d: %s", self.config.name, signum, process.pid, exc
            )

    def spawn_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run *coroutine* beside the plan, and keep it until it ended."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- spawning -----------------------------------------------------------------------------------------------

    async def _spawn(self, wids: Sequence[Wid], desired: Desired) -> None:
        requests: list[tuple[Wid, SpawnRequest]] = []
        with contextlib.ExitStack() as cleanup:
            for wid in wids:
                if not await self._hooks.call("before_spawn"):
                    self._fail("hook before_spawn refused")
                    return
                request = self._request(wid, cleanup)
                if request is not None:
                    requests.append((wid, request))
            answers = await self._services.spawner.spawn([request for _, request in requests])
        for (wid, _), answer in zip(requests, answers, strict=True):
            if isinstance(answer, SpawnFailure):
                self._not_spawned(wid, answer.error, desired)
            else:
                await self._spawned(wid, answer, desired)

    def _request(self, wid: Wid, cleanup: contextlib.ExitStack) -> SpawnRequest | None:
        try:
            request = build_request(self.config, wid, self._services, cleanup)
        except (CircusError, OSError, ValueError) as exc:
            self._not_spawned(wid, str(exc), None)
            return None
        if not self._services.hooks.has("circus_before_spawn"):
            return request
        for verdict in self._services.hooks.vote(
            "circus_before_spawn", watcher=self._watcher, wid=wid, request=request
        ):
            if verdict is False:
                self._fail("an extension refused the spawn")
                return None
            if isinstance(verdict, SpawnRequest):
                request = verdict
        return request

    async def _spawned(self, wid: Wid, spawned: Spawned, desired: Desired) -> None:
        now = self._services.clock()
        config = self.config
        expires_at = inf
        if config.max_age > 0:
            expires_at = now + config.max_age + self._services.random.uniform(0, config.max_age_variance)
        process = Process(spawned, wid, desired.generation, started_at=now, expires_at=expires_at)
        self.processes[wid] = process
        self.observed.spawned_at = now
        self.pacing.spawned(wid)
        self.output.attach(process, spawned)
        self._services.children.claim(spawned.child, lambda exited: self._exited(process, exited))
        logger.debug("running %s process [pid %d]", config.name, spawned.pid)
        if not await self._hooks.call("after_spawn", pid=process.pid):
            self._fail("hook after_spawn refused")
            return
        self._publish(
            events.ProcessSpawned(watcher=config.name, time=process.started, process_pid=process.pid, wid=wid)
        )
        self._notify("circus_after_spawn", wid=wid, pid=process.pid)

    def _not_spawned(self, wid: Wid, error: str, desired: Desired | None) -> None:
        config = self.config
        self.last_error = error
        tries = self.pacing.failed(wid, self._services.clock())
        logger.warning("watcher %s: process %d cannot be spawned (try %d): %s", config.name, wid, tries, error)
        self._publish(events.SpawnFailed(watcher=config.name, wid=wid, error=error))
        if 0 <= config.max_retry <= tries:
            outdated = [p for p in self._running() if desired is not None and p.generation != desired.generation]
            if desired is None or not outdated:
                self._fail(f"gave up after {tries} tries: {error}")
                return
            # A reload whose new processes cannot be spawned must not cost the old ones: they stay.
            for process in outdated:
                process.generation = desired.generation
            self.observed.generation = desired.generation
            logger.error("watcher %s: reload given up, its processes stay: %s", config.name, error)

    # -- the end of a process -----------------------------------------------------------------------------------

    def _exited(self, process: Process, exited: Exited) -> None:
        self.output.finish(process, lambda: self._ended(process, exited.exit_code))

    def _ended(self, process: Process, exit_code: int | None) -> None:
        if self._is_abandoned:
            self._services.spawner.acknowledge(process.child)
            return
        now = self._services.clock()
        process.end(exit_code)
        self.last_exit = {"pid": process.pid, "wid": process.wid, "exit_code": exit_code, "time": time.time()}
        if process.cause is Cause.DIED:
            self._count_death(process, now)
        self._wake()

    def _count_death(self, process: Process, now: float) -> None:
        respawn = self.config.respawn
        self.last_life = now - process.started_at
        if self.config.on_demand:
            self.observed.finished += 1
        elif respawn is Respawn.NEVER or (respawn is Respawn.ON_FAILURE and process.exit_code == 0):
            self.observed.finished += 1
            self.pacing.forget(process.wid)
        else:
            self.restarts += 1
            self.pacing.died(process.wid, self.last_life, now)

    async def _reap(self, step: Step, desired: Desired) -> None:
        assert step.wid is not None
        process = self.processes[step.wid]
        name = self.config.name
        is_reported = process.cause in _REPORTED
        now = time.time()
        if is_reported:
            await self._hooks.call("before_reap", process_pid=process.pid, time=now)
        del self.processes[step.wid]
        self._services.spawner.acknowledge(process.child)
        if is_reported:
            code = process.exit_code
            self._publish(
                events.ProcessReaped(watcher=name, time=now, process_pid=process.pid, exit_code=code, wid=process.wid)
            )
            status = 2 if process.cause is Cause.DIED else None
            extras = {"process_pid": process.pid, "time": now, "exit_code": code, "process_status": status}
            await self._hooks.call("after_reap", **extras)
        self._notify("circus_process_exited", wid=process.wid, pid=process.pid, exit_code=process.exit_code)

    # -- asking a process to end --------------------------------------------------------------------------------

    async def _stop(self, step: Step, desired: Desired) -> None:
        assert step.wid is not None
        assert step.cause is not None
        process = self.processes[step.wid]
        if process.state is not ProcessState.RUNNING:
            return
        config = self.config
        grace = config.graceful_timeout if process.graceful_timeout is None else process.graceful_timeout
        signum = config.stop_signal if process.stop_signal is None else process.stop_signal
        process.begin_stop(step.cause, self._services.clock() + grace)
        if step.cause in (Cause.EXPIRED, Cause.COMMAND) and config.respawn is Respawn.NEVER:
            self.observed.finished += 1
        children = descendants(process.pid, recursive=False) if config.stop_children else []
        if await self._hooks.call("before_signal", pid=process.pid, signum=signum):
            self.send(process, signum)
        self._killed(process.pid)
        for pid in children:
            send_to_stranger(pid, signum)
            self._killed(pid)
        await self._hooks.call("after_signal", pid=process.pid, signum=signum)

    async def _kill(self, step: Step, desired: Desired) -> None:
        assert step.wid is not None
        process = self.processes[step.wid]
        if process.state is not ProcessState.STOPPING:
            return
        process.kill_at = inf
        # Who descends from it cannot be told once it is dead.
        below = descendants(process.pid, recursive=True)
        await self._hooks.call("before_signal", pid=process.pid, signum=int(signal.SIGKILL))
        self.send(process, signal.SIGKILL)
        self._killed(process.pid)
        for pid in below:
            send_to_stranger(pid, signal.SIGKILL)
            self._killed(pid)
        await self._hooks.call("after_signal", pid=process.pid, signum=int(signal.SIGKILL))

    def _killed(self, pid: int) -> None:
        self._publish(events.ProcessKilled(watcher=self.config.name, process_pid=pid))

    # -- the watcher's own state --------------------------------------------------------------------------------

    async def _start(self, step: Step, desired: Desired) -> None:
        observed = self.observed
        observed.run = desired.run
        observed.has_failed = False
        observed.finished = 0
        observed.spawned_at = -inf
        self.reason = None
        self.pacing.clear()
        if not await self._hooks.call("before_start"):
            self.reason = "hook before_start refused"
            return
        if desired.numprocesses == 0:
            logger.warning("watcher %s: numprocesses is 0, nothing to start", self.config.name)
        self.output.open()
        self._move(WatcherState.STARTING)

    async def _activate(self, step: Step, desired: Desired) -> None:
        if not await self._hooks.call("after_start"):
            self._fail("hook after_start refused")
            return
        self._move(WatcherState.ACTIVE)
        self._publish(events.WatcherStarted(watcher=self.config.name))
        logger.info("%s started", self.config.name)

    async def _reloaded(self, step: Step, desired: Desired) -> None:
        self.observed.generation = desired.generation
        self._publish(events.WatcherReloaded(watcher=self.config.name))

    async def _begin_stop(self, step: Step, desired: Desired) -> None:
        self._move(WatcherState.STOPPING)
        await self._hooks.call("before_stop")

    async def _finish_stop(self, step: Step, desired: Desired) -> None:
        observed = self.observed
        starts_again = desired.is_running and observed.run != desired.run
        if not starts_again:
            self.output.close()
        stays = desired.is_running and not starts_again
        if stays and self.reason is None:
            self.reason = "numprocesses is 0" if desired.numprocesses == 0 else "all its processes ended"
        # An on_demand watcher goes back to waiting, unless it cannot be spawned at all.
        self.rearms_demand = self.config.on_demand and stays and not observed.has_failed
        observed.generation = desired.generation
        self.pacing.clear()
        self._move(WatcherState.STOPPED)
        reason = self.reason if stays and not self.rearms_demand else None
        self._publish(events.WatcherStopped(watcher=self.config.name, reason=reason))
        logger.info("%s stopped%s", self.config.name, f": {reason}" if reason else "")
        await self._hooks.call("after_stop")

    def _fail(self, reason: str) -> None:
        self.observed.has_failed = True
        self.reason = reason
        logger.error("watcher %s stops: %s", self.config.name, reason)

    def _move(self, state: WatcherState) -> None:
        check_watcher_move(self.observed.state, state)
        old, self.observed.state = self.observed.state, state
        self.since = time.time()
        self._notify("circus_watcher_state_changed", old=old, new=state)

    def _running(self) -> Iterable[Process]:
        return [p for p in self.processes.values() if p.state is ProcessState.RUNNING]

    def _publish(self, event: Event) -> None:
        self._services.publish(event)

    def _notify(self, hook: str, **kwargs: Any) -> None:
        if self._services.hooks.has(hook):
            self._services.hooks.notify(hook, watcher=self._watcher, **kwargs)

    def _make_hooks(self) -> WatcherHooks:
        return WatcherHooks(
            self.config,
            registry=self._services.registry,
            publish=self._services.publish,
            watcher=self._watcher,
            arbiter=self._arbiter,
        )
