"""Plans for a watcher, and performs the steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from math import inf
from typing import Any, Final

from circus_core import events
from circus_core._actual import Actual
from circus_core._births import Births
from circus_core._deaths import Deaths
from circus_core.process import Process
from circus_core.reconcile import Desired, Do, Step, plan
from circus_core.services import logger
from circus_core.spawner import Spawned
from circus_core.states import WatcherState

_SLICE: Final = 0.002  #: seconds of work after which the loop has its turn

# A plan looks at every process. Where there are thousands, and they end one after the other, most of the time would go
# into plans; so it is these times as long
_FRESH: Final = 4.0  #: that the end of a process calls for no other one,
_REST: Final = 4.0  #: and from one that found nothing to do to the next,
_MUCH: Final = 0.001  #: when it takes longer than this, in seconds,
_LONGEST: Final = 0.05  #: but no longer than this.

_Act = Callable[[Step], Coroutine[Any, Any, None]]


class Performer:
    """Does what a plan says, step by step, to what is really there.

    :param desired: returns what is desired now
    :param is_woken: returns whether something happened for which another plan may be needed
    """

    def __init__(self, actual: Actual, desired: Callable[[], Desired], is_woken: Callable[[], bool]) -> None:
        self._actual = actual
        self._desired = desired
        self._is_woken = is_woken
        self._rests_until = -inf
        self._deaths = deaths = Deaths(actual)
        self._births = Births(actual, deaths.told)
        self.goes_back_to_waiting = False  #: an ``on_demand`` watcher stopped, and a connection may start it again
        self._acts: Final[dict[Do, _Act]] = {
            Do.START: self._start,
            Do.ACTIVATE: self._activate,
            Do.STOP: deaths.stop,
            Do.KILL: deaths.kill,
            Do.REAP: deaths.reap,
            Do.RELOADED: self._reloaded,
            Do.BEGIN_STOP: self._begin_stop,
            Do.FINISH_STOP: self._finish_stop,
        }

    def adopt(self, process: Process, spawned: Spawned) -> None:
        """Take charge of a process that another arbiter spawned."""
        self._births.adopt(process, spawned)

    async def go_on(self) -> bool:
        """Plan what is to be done now and do it, or some of it; ``False`` when there is nothing to do any more."""
        if self._actual.is_abandoned:
            return False
        clock = self._actual.services.clock
        began = time.thread_time()
        steps = plan(self._desired(), self._actual.observed, clock())
        cost = time.thread_time() - began
        if steps:
            await self._perform(steps, fresh_until=clock() + min(_FRESH * cost, _LONGEST))
        elif cost > _MUCH:
            self._rests_until = clock() + min(_REST * cost, _LONGEST)
        return bool(steps) and not self._actual.is_abandoned

    async def rest(self) -> None:
        """Wait until it is worth while to plan again: more may have happened by then."""
        left = self._rests_until - self._actual.services.clock()
        if left > 0:
            await asyncio.sleep(left)

    async def _perform(self, steps: Sequence[Step], fresh_until: float) -> None:
        """Perform *steps* in order, or fewer when the plan may be stale."""
        clock, planned = self._actual.services.clock, self._desired()

        def is_stale() -> bool:
            if self._actual.is_abandoned or self._desired() is not planned:
                return True
            return self._is_woken() and clock() > fresh_until

        pause_at = clock() + _SLICE
        for do, group in groupby(steps, key=lambda step: step.do):
            if do is Do.SPAWN:
                wids = [step.wid for step in group if step.wid is not None]
                await self._births.fill(wids, self._desired, is_stale)
                continue
            for step in group:
                await self._acts[do](step)
                if is_stale():
                    return
                if clock() > pause_at:
                    await asyncio.sleep(0)
                    pause_at = clock() + _SLICE

    async def _start(self, step: Step) -> None:
        actual, desired = self._actual, self._desired()
        observed = actual.observed
        observed.run = desired.run
        observed.has_failed = False
        observed.spawned_at = -inf
        actual.reason = None
        actual.forget_failures()
        if not await actual.may_go_on("before_start"):
            actual.reason = actual.hooks.verdict("before_start")
            return
        if desired.numprocesses == 0:
            logger.warning("watcher %s: numprocesses is 0, nothing to start", actual.config.name)
        actual.output.open()
        actual.move(WatcherState.STARTING)

    async def _activate(self, step: Step) -> None:
        actual = self._actual
        if not await actual.may_go_on("after_start"):
            actual.fail(actual.hooks.verdict("after_start"))
            return
        actual.move(WatcherState.ACTIVE)
        actual.publish(events.WatcherStarted(watcher=actual.config.name))
        logger.info("%s started", actual.config.name)

    async def _reloaded(self, step: Step) -> None:
        self._actual.observed.generation = self._desired().generation
        self._actual.publish(events.WatcherReloaded(watcher=self._actual.config.name))

    async def _begin_stop(self, step: Step) -> None:
        self._actual.move(WatcherState.STOPPING)
        await self._actual.hooks.call("before_stop")

    async def _finish_stop(self, step: Step) -> None:
        actual, desired = self._actual, self._desired()
        observed = actual.observed
        starts_again = desired.is_running and observed.run != desired.run
        stopped_by_itself = desired.is_running and not starts_again
        if not starts_again:
            actual.output.close()
        # An on_demand watcher goes back to waiting, unless it cannot be spawned at all.
        self.goes_back_to_waiting = actual.config.on_demand and stopped_by_itself and not observed.has_failed
        if stopped_by_itself and actual.reason is None and not self.goes_back_to_waiting:
            actual.reason = "numprocesses is 0" if desired.numprocesses == 0 else "all its processes ended"
        observed.generation = desired.generation
        actual.pacing.clear()
        actual.move(WatcherState.STOPPED)
        reason = actual.reason if stopped_by_itself else None
        actual.publish(events.WatcherStopped(watcher=actual.config.name, reason=reason))
        logger.info("%s stopped%s", actual.config.name, f": {reason}" if reason else "")
        await actual.hooks.call("after_stop")
