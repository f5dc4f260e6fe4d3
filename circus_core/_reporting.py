"""Why a watcher is where it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from circus_core.interfaces import ProcessView, WatcherReport

if TYPE_CHECKING:
    from circus_core._actual import Actual


def report(actual: Actual, numprocesses: int, processes: Sequence[ProcessView]) -> WatcherReport:
    """Return what ``status --long`` tells of a watcher.

    :param processes: those that are not dead
    """
    now = actual.services.clock()
    next_try = actual.pacing.next_try(now)
    return WatcherReport(
        state=actual.state,
        since=actual.since,
        numprocesses=numprocesses,
        processes=len(processes),
        reason=actual.reason,
        last_exit=actual.last_exit,
        last_error=actual.last_error,
        retries=actual.retries(now),
        next_try=None if next_try is None else time.time() + next_try - now,
        restarts=actual.restarts,
        output_lost=actual.output.lost(),
        output_errors=actual.output.errors(),
    )
