"""Fills the slots of a watcher with processes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from circus_core import events
from circus_core._actual import Actual
from circus_core._descriptors import as_many
from circus_core._spawning import Requests
from circus_core.errors import CircusError
from circus_core.keeper.wire import close_all
from circus_core.process import Process
from circus_core.reconcile import Desired
from circus_core.records import Label, dump_label
from circus_core.services import logger
from circus_core.spawner import Exited, Spawned, SpawnFailure, SpawnRequest
from circus_core.states import ProcessState, Wid

_BATCH: Final = 32  #: spawns between two looks at whether something else is desired by now


class _Batch:
    """Processes that are asked for together."""

    def __init__(self, desired: Desired) -> None:
        self.desired = desired
        self.labels: list[Label] = []
        self.requests: list[SpawnRequest] = []
        self.cleanup = contextlib.ExitStack()  #: closes what was opened for them alone
        self.answers: asyncio.Task[list[Spawned | SpawnFailure]] | None = None

    def give_up(self) -> None:
        """Wait for nothing any more."""
        if self.answers is not None:
            self.answers.cancel()
        self.cleanup.close()


class Births:
    """Spawns the processes of a watcher.

    :param on_exit: told of the end of each of them
    """

    def __init__(self, actual: Actual, on_exit: Callable[[Process, Exited], None]) -> None:
        self._actual = actual
        self._on_exit = on_exit

    def adopt(self, process: Process, spawned: Spawned) -> None:
        """Take charge of a process: its slot, its output, its end."""
        actual = self._actual
        actual.processes[process.wid] = process
        if process.state is ProcessState.DEAD:  # its output was delivered before it counted as dead
            close_all(fd for fd in (spawned.stdout, spawned.stderr) if fd is not None)
        else:
            actual.output.attach(process, spawned)
            actual.services.children.claim(spawned.child, lambda exited: self._on_exit(process, exited))

    async def fill(self, wids: Sequence[Wid], desired: Callable[[], Desired], is_stale: Callable[[], bool]) -> None:
        """Spawn a process for each slot; stop early as soon as *is_stale* says that another plan may be needed."""
        hooks = self._actual.hooks
        # With hooks each process is a matter of its own: before and after it, then the next. Without, the next ones
        # are asked for while those before are in the hands of another process, if it is another one that creates them.
        has_hooks = hooks.calls("before_spawn") or hooks.calls("after_spawn")
        size = 1 if has_hooks else as_many(_BATCH)
        ahead = 1 if self._actual.services.spawner.is_durable and not has_hooks else 0
        under_way: deque[_Batch] = deque()
        try:
            for start in range(0, len(wids), size):
                batch = await self._ask(wids[start : start + size], desired())
                if batch is None:
                    break
                under_way.append(batch)
                if len(under_way) > ahead:
                    await self._take(under_way.popleft())
                if is_stale():
                    break
            while under_way:
                await self._take(under_way.popleft())
        finally:
            for batch in under_way:  # cancelled: nobody takes charge of them
                batch.give_up()

    async def _ask(self, wids: Sequence[Wid], desired: Desired) -> _Batch | None:
        """Ask for processes; ``None`` when a hook says that the watcher cannot go on."""
        actual = self._actual
        batch = _Batch(desired)
        requests: Requests | None = None
        for wid in wids:
            if not await actual.may_go_on("before_spawn"):
                actual.fail(actual.hooks.verdict("before_spawn"))
                return None
            # The hook may have changed options.
            requests = requests or Requests(actual.config, actual.services, batch.cleanup)
            label = self._label(wid, desired)
            request = self._request(label, desired, requests)
            if request is not None:
                batch.labels.append(label)
                batch.requests.append(request)
        batch.answers = asyncio.create_task(actual.services.spawner.spawn(batch.requests))
        return batch

    async def _take(self, batch: _Batch) -> None:
        """Take charge of the processes that were asked for."""
        assert batch.answers is not None
        with batch.cleanup:
            answers = await batch.answers
        failed = Counter(answer.error for answer in answers if isinstance(answer, SpawnFailure))
        for label, answer in zip(batch.labels, answers, strict=True):
            if isinstance(answer, SpawnFailure):
                # What keeps one process from being spawned keeps a thousand: a line for all that were tried together.
                self._failed(label.wid, answer.error, batch.desired, alike=failed.pop(answer.error, 0))
            else:
                await self._spawned(label, answer)

    def _label(self, wid: Wid, desired: Desired) -> Label:
        actual, config = self._actual, self._actual.config
        expires_at = inf
        if config.max_age > 0:
            variance = random.uniform(0, config.max_age_variance)
            expires_at = actual.services.clock() + config.max_age + variance
        return Label(watcher=config.name, key=actual.key, wid=wid, generation=desired.generation, expires_at=expires_at)

    def _request(self, label: Label, desired: Desired, requests: Requests) -> SpawnRequest | None:
        actual, wid, text = self._actual, label.wid, dump_label(label)
        try:
            request = requests.make(wid, text)
        except (CircusError, OSError, ValueError) as exc:
            self._failed(wid, str(exc), desired)
            return None
        for opinion in actual.vote("circus_before_spawn", wid=wid, request=request):
            if opinion is False:
                actual.fail("an extension refused the spawn")
                return None
            if isinstance(opinion, SpawnRequest):
                request = opinion
        return request if request.label == text else replace(request, label=text)

    async def _spawned(self, label: Label, spawned: Spawned) -> None:
        actual, config, wid = self._actual, self._actual.config, label.wid
        now = actual.services.clock()
        process = Process(spawned, wid, label.generation, started_at=now, expires_at=label.expires_at)
        actual.observed.spawned_at = now
        actual.pacing.spawned(wid)
        self.adopt(process, spawned)
        logger.debug("running %s process [pid %d]", config.name, spawned.pid)
        if not await actual.may_go_on("after_spawn", pid=process.pid):
            actual.fail(actual.hooks.verdict("after_spawn"))
            return
        actual.publish(
            events.ProcessSpawned(watcher=config.name, time=process.started, process_pid=process.pid, wid=wid)
        )
        actual.notify("circus_after_spawn", wid=wid, pid=process.pid)

    def _failed(self, wid: Wid, error: str, desired: Desired, *, alike: int = 1) -> None:
        """Note a failed try.

        :param alike: how many failed so, of those that were tried together; 0 when they were logged already
        """
        actual, config = self._actual, self._actual.config
        actual.last_error = error
        tries = actual.pacing.failed(wid, actual.services.clock())
        if alike:
            others = f" and {alike - 1} others" if alike > 1 else ""
            text = "watcher %s: process %d%s cannot be spawned (try %d): %s"
            logger.warning(text, config.name, wid, others, tries, error)
        actual.publish(events.SpawnFailed(watcher=config.name, wid=wid, error=error))
        if not 0 <= config.max_retry <= tries:
            return
        outdated = [p for p in actual.running() if p.generation != desired.generation]
        if not outdated:
            actual.fail(f"gave up after {tries} tries: {error}")
            return
        # A reload whose new processes cannot be spawned must not cost the old ones: they stay.
        for process in outdated:
            process.generation = desired.generation
        actual.observed.generation = desired.generation
        actual.pacing.clear()
        actual.reload_error = error
        logger.error("watcher %s: reload given up, its processes stay: %s", config.name, error)
