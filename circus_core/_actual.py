"""What is really there of a watcher: the side that the plan observes."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from circus_core._output import WatcherOutput
from circus_core.events import Event, HookFailed, WatcherReloaded
from circus_core.hooks import WatcherHooks
from circus_core.options import WatcherConfig
from circus_core.pacing import QUICK_DEATH, Pacing
from circus_core.process import Process
from circus_core.reconcile import Observed
from circus_core.services import Services, logger
from circus_core.states import ProcessState, WatcherState, Wid, check_watcher_move

if TYPE_CHECKING:
    from circus_core.interfaces import ArbiterHandle, WatcherHandle


class Actual:
    """The state of a watcher, its processes, its hooks and its streams.

    :param wake: called when something happened that the plan should see
    :param key: of the watcher, in what the next arbiter is left
    """

    def __init__(
        self,
        config: WatcherConfig,
        services: Services,
        watcher: WatcherHandle,
        arbiter: ArbiterHandle,
        wake: Callable[[], None],
        *,
        key: int,
    ) -> None:
        self.key = key
        self.config = config
        self.services = services
        self.wake = wake
        self.processes: dict[Wid, Process] = {}
        self.observed = Observed(processes=self.processes)
        self.pacing = Pacing(services.check_delay, self.observed.not_before)
        self.output = WatcherOutput(config, services, key)
        self.is_abandoned = False
        self.since = time.time()
        self.reason: str | None = None
        self.last_exit: dict[str, Any] | None = None
        self.last_error: str | None = None
        self.last_life = inf  #: seconds that the process lived which ended last by itself
        self.reload_error: str | None = None  #: why the last graceful reload was given up
        self.restarts = 0
        self._given_up: asyncio.Future[None] | None = None
        self._watcher = watcher
        self._arbiter = arbiter
        self.hooks = self._make_hooks()

    @property
    def state(self) -> WatcherState:
        return self.observed.state

    def reconfigure(self, config: WatcherConfig) -> None:
        """Take another configuration; what runs is left as it is."""
        hooks_differ = config.hooks != self.config.hooks or config.hook_timeout != self.config.hook_timeout
        self.config = config
        self.output.reconfigure(config)
        if hooks_differ:
            self.hooks = self._make_hooks()

    def move(self, state: WatcherState) -> None:
        """Change the watcher's state."""
        check_watcher_move(self.observed.state, state)
        old, self.observed.state = self.observed.state, state
        self.since = time.time()
        self.notify("circus_watcher_state_changed", old=old, new=state)

    def fail(self, reason: str) -> None:
        """Have the watcher stop, because it cannot go on."""
        self.observed.has_failed = True
        self.reason = reason
        logger.error("watcher %s stops: %s", self.config.name, reason)

    def forget_failures(self) -> None:
        """Let every slot be filled at once."""
        self.pacing.clear()
        self.observed.finished = 0

    def shrink(self, count: int) -> None:
        """Note that *count* fewer processes are desired: slots that are done go first."""
        self.observed.finished = max(0, self.observed.finished - max(0, count))

    async def may_go_on(self, hook: str, **extras: Any) -> bool:
        """Call a hook of the start of the watcher, or of a process; one that is slow does not hold up a stop."""
        if not self.hooks.calls(hook):
            return True
        call = asyncio.ensure_future(self.hooks.call(hook, **extras))
        self._given_up = given_up = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({call, given_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._given_up = None
            call.cancel()  # no effect on one that is done
        if call.done() and not call.cancelled():
            return call.result()
        self.publish(HookFailed(watcher=self.config.name, name=hook, error="given up: the watcher is to stop"))
        return False

    def give_up_start(self) -> None:
        """Wait no longer for a hook that decides whether the watcher starts: it is to stop."""
        if self._given_up is not None and not self._given_up.done():
            self._given_up.set_result(None)

    def running(self) -> list[Process]:
        """Return the processes that nobody asked to end."""
        return [p for p in self.processes.values() if p.state is ProcessState.RUNNING]

    def running_pids(self) -> list[int]:
        """Return their pids."""
        return [p.pid for p in self.running()]

    def retries(self, now: float) -> int:
        """Return the failed tries in a row of the worst slot."""
        return self.pacing.retries({p.wid for p in self.running() if now - p.started_at >= QUICK_DEATH})

    def hang_up(self) -> None:
        """Send SIGHUP to every process, which is all there is to such a reload."""
        for process in self.running():
            self.send(process, signal.SIGHUP)
        self.publish(WatcherReloaded(watcher=self.config.name))

    def send(self, process: Process, signum: int) -> None:
        """Send a signal to a process; one that is gone is no error."""
        try:
            self.services.spawner.signal(process.child, signum)
        except PermissionError as exc:
            name = self.config.name
            logger.warning("watcher %s: cannot send signal %d to pid %d: %s", name, signum, process.pid, exc)

    def publish(self, event: Event) -> None:
        """Publish an event of the watcher."""
        self.services.publish(event)

    def notify(self, hook: str, **kwargs: Any) -> None:
        """Call a notification of the hookspecs that is about the watcher."""
        if self.services.hooks.has(hook):
            self.services.hooks.notify(hook, watcher=self._watcher, **kwargs)

    def vote(self, hook: str, **kwargs: Any) -> list[Any]:
        """Call a vote of the hookspecs that is about the watcher, and return the opinions."""
        if not self.services.hooks.has(hook):
            return []
        return self.services.hooks.vote(hook, watcher=self._watcher, **kwargs)

    def _make_hooks(self) -> WatcherHooks:
        return WatcherHooks(
            self.config,
            registry=self.services.registry,
            publish=self.services.publish,
            watcher=self._watcher,
            arbiter=self._arbiter,
            faces=self.services.faces,
        )
