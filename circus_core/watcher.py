"""A named group of identical processes: what is desired of it, and the task that brings it about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

from circus_core._actual import Actual
from circus_core._performer import Performer
from circus_core._remembering import restore_actual, watcher_record
from circus_core._reporting import report
from circus_core._signalling import deliver, targets
from circus_core.changes import ChangeLog, PendingChange, done
from circus_core.events import WatcherUpdated
from circus_core.interfaces import ProcessView, WatcherReport
from circus_core.options import (
    OnChange,
    Respawn,
    WatcherConfig,
    check_numprocesses,
    get_watcher_option,
    set_watcher_options,
    watcher_options,
)
from circus_core.pacing import QUICK_DEATH
from circus_core.reconcile import Desired, is_settled, next_deadline
from circus_core.records import WatcherRecord
from circus_core.services import Services, logger
from circus_core.states import ProcessState, WatcherState

if TYPE_CHECKING:
    from circus_core.estate import LeftWatcher
    from circus_core.events import Event
    from circus_core.interfaces import ArbiterHandle, Stream


class Watcher:
    """What commands do to a watcher; see :class:`circus_core.interfaces.WatcherHandle`.

    A command writes *desired* and wakes the one task that performs plans until nothing is left to do.

    :param on_waiting: called when an ``on_demand`` watcher may have begun or ceased to wait for a connection
    :param key: the one that it had with the arbiter before
    """

    def __init__(
        self,
        config: WatcherConfig,
        services: Services,
        arbiter: ArbiterHandle,
        *,
        on_waiting: Callable[[], None],
        key: int | None = None,
    ) -> None:
        self.key = services.estate.new_key() if key is None else key
        self.is_leaving = False  #: it was removed
        self._services = services
        self._on_waiting = on_waiting
        self._demand_at = -inf
        self._actual = Actual(config, services, self, arbiter, self._wake, key=self.key)
        self._performer = Performer(self._actual, lambda: self._desired, lambda: self._woken)
        self._desired = Desired(
            numprocesses=config.numprocesses,
            warmup_delay=config.warmup_delay,
            respawns=config.respawn is not Respawn.NEVER,
            awaits_demand=config.on_demand,
        )
        self._changes = ChangeLog()
        self._turns: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woken = self._is_closed = False
        self._sendings: set[asyncio.Task[None]] = set()
        services.estate.note_config(self.key, config)
        self._note()

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def config(self) -> WatcherConfig:
        return self._actual.config

    @property
    def state(self) -> WatcherState:
        return self._actual.observed.state

    @property
    def numprocesses(self) -> int:
        return self._desired.numprocesses

    @property
    def is_wanted(self) -> bool:
        """Whether it is desired to run."""
        return self._desired.is_running

    @property
    def is_at_work(self) -> bool:
        """Whether it is bringing about what is desired."""
        return self._task is not None

    @property
    def is_held(self) -> bool:
        """Whether its turn in a start of several watchers has not come."""
        return self._desired.is_held

    @property
    def awaits_demand(self) -> bool:
        """Whether a connection would start it."""
        waits = self._desired.is_running and self._desired.awaits_demand and self.state is WatcherState.STOPPED
        return waits and self._demand_at <= self._services.clock()

    def processes(self) -> list[ProcessView]:
        """Return the processes that are not dead, by wid."""
        return sorted(p.view() for p in self._actual.processes.values() if p.state is not ProcessState.DEAD)

    def pids(self) -> list[int]:
        """Return their pids, by wid; asked for thousands often, so without a view of each."""
        dead, processes = ProcessState.DEAD, self._actual.processes
        return [process.pid for wid in sorted(processes) if (process := processes[wid]).state is not dead]

    def options(self) -> dict[str, Any]:
        """Return option name to value as ``options`` replies them."""
        return watcher_options(self.config, rows=self._services.hooks.watcher_rows)

    def option(self, name: str) -> Any:
        """Return one option as ``get`` replies it."""
        return get_watcher_option(self.config, name, rows=self._services.hooks.watcher_rows)

    def stream(self, name: str) -> Stream | None:
        """Return the stream called ``stdout`` or ``stderr`` while it is open."""
        return self._actual.output.stream(name)

    def publish(self, event: Event) -> None:
        """Publish an event about it."""
        self._services.publish(event)

    async def extend_stats(self, pid: int, stats: dict[str, Any]) -> None:
        """Let hooks add to the figures of one of its processes."""
        await self._actual.hooks.extend_stats(pid, stats)
        self._services.hooks.notify("circus_extended_stats", watcher=self, pid=pid, stats=stats)

    def report(self) -> WatcherReport:
        """Return why it is where it is."""
        return report(self._actual, self.numprocesses, self.processes())

    @property
    def output_lost(self) -> int:
        """How many bytes its processes printed that no stream took."""
        return self._actual.output.lost()

    # -- what commands desire -----------------------------------------------------------------------------------

    def start(self, *, held: bool = False) -> PendingChange:
        """Desire it running; *held* until :meth:`release` gives it its turn."""
        down = self.state in (WatcherState.STOPPED, WatcherState.STOPPING) or not self._desired.is_running
        if down:
            self._desire(is_running=True, run=self._desired.run + 1, is_held=held)
        else:
            self._actual.forget_failures()
        return self._changed("start", needs_running=True)

    def stop(self) -> PendingChange:
        """Desire it stopped."""
        self._desire(is_running=False, is_held=False)
        self._actual.give_up_start()
        return self._changed("stop")

    def restart(self, *, held: bool = False) -> PendingChange:
        """Desire it stopped, then running."""
        self._desire(is_running=True, run=self._desired.run + 1, is_held=held)
        self._actual.give_up_start()
        return self._changed("restart", needs_running=True)

    def release(self) -> None:
        """Give it its turn in a start of several watchers."""
        if self._desired.is_held:
            self._desire(is_held=False)
            self._wake()

    def demand(self) -> None:
        """Start it because a connection is waiting."""
        if self.awaits_demand:
            self._desire(awaits_demand=False, run=self._desired.run + 1)
            self._wake()

    def reload(self, *, graceful: bool = True, sequential: bool = False) -> PendingChange:
        """Desire other processes in the place of those that run."""
        self._services.faces.before_reload(self)
        self._actual.output.reopen()
        if not graceful:
            return self.restart()
        stopped = not self._desired.is_running or self.state is WatcherState.STOPPED
        if self.config.send_hup and not stopped:
            self._actual.hang_up()
            return done()
        run, generation = self._desired.run + int(stopped), self._desired.generation + 1
        self._desire(is_running=True, run=run, is_held=False, generation=generation, one_by_one=sequential)
        return self._changed("reload", needs_running=True)

    def resize(self, numprocesses: int) -> PendingChange:
        """Desire another number of processes; a singleton keeps its own."""
        old = self._desired.numprocesses
        if not self.config.singleton:
            new = max(0, check_numprocesses(numprocesses))
            self._actual.config = replace(self.config, numprocesses=new)
            self._services.estate.note_config(self.key, self.config)
            self._desire(numprocesses=new)
            self._actual.shrink(old - new)
        return self._changed("incr" if numprocesses >= old else "decr")

    def kill(
        self, pid: int | None = None, *, signum: int | None = None, graceful_timeout: float | None = None
    ) -> PendingChange:
        """Stop its processes, or the one with *pid*, with a signal and a grace of their own where given."""
        for process in self._actual.processes.values():
            if pid in (None, process.pid):
                process.doom(signum, graceful_timeout)
        return self._changed("kill")

    def signal(
        self,
        signum: int,
        pid: int | None = None,
        *,
        childpid: int | None = None,
        children: bool = False,
        recursive: bool = False,
    ) -> None:
        """Send a signal to its processes; see the protocol reference, section 11."""
        processes = targets(self._actual, pid, childpid, children)
        sending = deliver(self._actual, processes, signum, childpid=childpid, children=children, recursive=recursive)
        task = asyncio.get_running_loop().create_task(sending)
        self._sendings.add(task)
        task.add_done_callback(self._sendings.discard)

    def set_options(self, options: Mapping[str, Any]) -> PendingChange:
        """Check all of *options*, then apply them."""
        config, needs = set_watcher_options(self.config, options, rows=self._services.hooks.watcher_rows)
        self._services.hooks.require(config)
        change = self.reconfigure(config, needs, command="set")
        for _ in options:
            self._services.publish(WatcherUpdated(watcher=self.name))
        return change

    def reconfigure(self, config: WatcherConfig, needs: OnChange, *, command: str) -> PendingChange:
        """Take another configuration, and reload or restart as it *needs*; a stopped watcher stays stopped."""
        old = self._desired.numprocesses
        self._actual.reconfigure(config)
        self._services.estate.note_config(self.key, config)
        self._desire(
            numprocesses=config.numprocesses,
            warmup_delay=config.warmup_delay,
            respawns=config.respawn is not Respawn.NEVER,
        )
        self._actual.shrink(old - config.numprocesses)
        if self._desired.is_running and self.state is not WatcherState.STOPPED:
            if needs is OnChange.RELOAD:
                self._desire(generation=self._desired.generation + 1, one_by_one=False)
            elif needs is OnChange.RESTART:
                self._desire(run=self._desired.run + 1)
        return self._changed(command)

    # -- the task that brings it about --------------------------------------------------------------------------

    async def turn_over(self) -> None:
        """Return when the next watcher may have its turn: this one settled, or is held up by failed tries."""
        if self._is_turn_over():
            return
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        await turn

    def leave(self) -> None:
        """Note that it was removed."""
        self.is_leaving = True
        self._note()

    def forget(self) -> None:
        """Leave nothing of it to the next arbiter."""
        self._services.estate.forget_watcher(self.key)

    def restore(self, left: LeftWatcher) -> None:
        """Go on where the arbiter before was; called before anything else."""
        record = left.record
        self._desired, self._demand_at, self.is_leaving = record.desired, record.demand_at, record.is_leaving
        restore_actual(self._actual, left, self._performer.adopt)
        self._wake()

    def abandon(self) -> None:
        """Leave its processes running, unmanaged, and do nothing any more."""
        self._actual.is_abandoned = True
        (self._note if self._actual.processes else self.forget)()
        if self._timer is not None:
            self._timer.cancel()
        self._end_turn()

    async def close(self) -> None:
        """End its task; its processes are left as they are."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def _desire(self, **changes: Any) -> None:
        self._desired = replace(self._desired, **changes)
        self._note()

    def _note(self) -> None:
        def record() -> WatcherRecord:
            return watcher_record(self._desired, self._actual, demand_at=self._demand_at, is_leaving=self.is_leaving)

        self._services.estate.note_watcher(self.key, record)

    def _changed(self, command: str, *, needs_running: bool = False) -> PendingChange:
        change = self._changes.add(command, self._actual.running_pids(), needs_running=needs_running)
        self._note()
        self._wake()
        return change

    def _wake(self) -> None:
        self._woken = True
        if self._task is None and not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._reconcile(), name=f"watcher {self.name}")
            self._task.add_done_callback(self._task_ended)

    async def _reconcile(self) -> None:
        while self._woken and not self._actual.is_abandoned:
            await self._performer.rest()
            self._woken = False
            while await self._performer.go_on():
                self._woken = False
                self._after_steps()
                self._note()

    def _after_steps(self) -> None:
        performer = self._performer
        if performer.goes_back_to_waiting:
            performer.goes_back_to_waiting = False
            self._desire(awaits_demand=True)
            # A connection that nobody took still waits: what dies at once must not be started in a loop.
            quick = self._actual.last_life < QUICK_DEATH
            self._demand_at = self._services.clock() + QUICK_DEATH if quick else -inf

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            logger.error("watcher %s: internal error, trying again in 1 s", self.name, exc_info=task.exception())
            self._timer = asyncio.get_running_loop().call_later(1.0, self._wake)
            return
        if self._woken and not task.cancelled():
            self._wake()
            return
        self._settle()
        self._arm_timer()
        if self.config.on_demand:
            self._on_waiting()

    def _settle(self) -> None:
        actual = self._actual
        if self._changes.is_open and is_settled(self._desired, actual.observed, self._services.clock()):
            gave_up = self.state is WatcherState.STOPPED and self._desired.is_running
            # Processes that came to their end (respawn = False) were started, however soon that was.
            ran = actual.observed.finished > 0 and not actual.observed.has_failed
            failure = actual.reload_error if ran or not gave_up else actual.reason
            actual.reload_error = None
            self._changes.settle(actual.running_pids(), failure)
        if self._turns and self._is_turn_over():
            self._end_turn()

    def _end_turn(self) -> None:
        turns, self._turns = self._turns, []
        for turn in turns:
            if not turn.done():
                turn.set_result(None)

    def _is_turn_over(self) -> bool:
        actual = self._actual
        held_up = actual.is_abandoned or actual.pacing.has_failures
        return held_up or is_settled(self._desired, actual.observed, self._services.clock())

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._services.clock()
        deadline = next_deadline(self._desired, self._actual.observed, now)
        if self._demand_at > now:
            deadline = min(deadline, self._demand_at)
        if deadline < inf:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, deadline - now), self._wake)
