"""A watcher as a record, and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from circus_core.process import Process
from circus_core.reconcile import Desired
from circus_core.records import Label, ProcessRecord, WatcherRecord
from circus_core.spawner import ChildRecord, Spawned
from circus_core.states import ProcessState, WatcherState

if TYPE_CHECKING:
    from circus_core._actual import Actual
    from circus_core.estate import LeftWatcher


def watcher_record(desired: Desired, actual: Actual, *, demand_at: float, is_leaving: bool) -> WatcherRecord:
    """Return all that the next arbiter has to know of a watcher, but its configuration."""
    observed, pacing = actual.observed, actual.pacing
    return WatcherRecord(
        name=actual.config.name,
        desired=desired,
        state=observed.state,
        run=observed.run,
        generation=observed.generation,
        has_failed=observed.has_failed,
        finished=observed.finished,
        spawned_at=observed.spawned_at,
        demand_at=demand_at,
        since=actual.since,
        restarts=actual.restarts,
        last_life=actual.last_life,
        is_leaving=is_leaving,
        is_abandoned=actual.is_abandoned,
        reason=actual.reason,
        last_error=actual.last_error,
        reload_error=actual.reload_error,
        last_exit=actual.last_exit,
        not_before=dict(observed.not_before),
        deaths=pacing.deaths,
        failures=pacing.failures,
        processes={p.child: _process_record(p) for p in actual.processes.values() if _has_changed(p)},
    )


def restore_actual(actual: Actual, left: LeftWatcher, adopt: Callable[[Process, Spawned], None]) -> None:
    """Let *actual* be what the arbiter before left.

    :param adopt: takes charge of a process
    """
    _restore_facts(actual, left.record)
    has_output = actual.key in actual.services.pump.owners_waiting()
    if actual.state is not WatcherState.STOPPED or left.children or has_output:
        actual.output.open()
    now = actual.services.clock()
    for child, label in left.children:
        adopt(_process(child, label, left.record.processes.get(child.spawned.child), now), child.spawned)
    if actual.state is WatcherState.STOPPED and not left.children:
        actual.output.close()


def _restore_facts(actual: Actual, record: WatcherRecord) -> None:
    observed = actual.observed
    observed.state = record.state
    observed.run = record.run
    observed.generation = record.generation
    observed.has_failed = record.has_failed
    observed.finished = record.finished
    observed.spawned_at = record.spawned_at
    observed.not_before.update(record.not_before)
    actual.pacing.restore(record.deaths, record.failures)
    actual.since = record.since
    actual.restarts = record.restarts
    actual.last_life = record.last_life
    actual.is_abandoned = record.is_abandoned
    actual.reason = record.reason
    actual.last_error = record.last_error
    actual.reload_error = record.reload_error
    actual.last_exit = None if record.last_exit is None else dict(record.last_exit)


def _process(child: ChildRecord, label: Label, record: ProcessRecord | None, now: float) -> Process:
    """Return a process that another arbiter spawned; *record* tells how it has changed since."""
    age = max(0.0, time.time() - child.spawned.started)
    process = Process(child.spawned, label.wid, label.generation, started_at=now - age, expires_at=label.expires_at)
    if record is not None:
        process.generation = record.generation
        process.is_doomed = record.is_doomed
        process.stop_signal = record.stop_signal
        process.graceful_timeout = record.graceful_timeout
        if record.state is not ProcessState.RUNNING:
            process.begin_stop(record.cause, record.kill_at)
        if record.state is ProcessState.DEAD:
            process.end(record.exit_code)
    return process


def _has_changed(process: Process) -> bool:
    is_new = process.state is ProcessState.RUNNING and process.generation == process.spawned_generation
    return process.is_doomed or not is_new


def _process_record(process: Process) -> ProcessRecord:
    return ProcessRecord(
        state=process.state,
        generation=process.generation,
        cause=process.cause,
        kill_at=process.kill_at,
        is_doomed=process.is_doomed,
        stop_signal=process.stop_signal,
        graceful_timeout=process.graceful_timeout,
        exit_code=process.exit_code,
    )
