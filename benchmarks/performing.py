"""A turn is performed: one daemon runs, its metrics are measured, what that took is noted."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from benchmarks.metrics import Metric
from benchmarks.report import Report, figure
from benchmarks.running import Failed, Running
from benchmarks.schedule import Costs, Turn

FAILURES = (Failed, OSError, subprocess.SubprocessError)


class Performer:
    """Adds what is measured to *report* and what that took to *costs*; says what was measured."""

    def __init__(self, report: Report, costs: Costs, say: Callable[[str], object]) -> None:
        self._report = report
        self._costs = costs
        self._say = say

    def perform(self, turn: Turn) -> None:
        """Measure everything; what is left after a failure has a new daemon, since the old one may be in any state."""
        left = list(turn.metrics)
        while left:
            daemon, peer = left[0].daemon, turn.peer.name
            began = time.monotonic()
            try:
                with daemon(turn.peer) as run:
                    started = time.monotonic()
                    while left and self._measure(left.pop(0), peer, run):
                        pass
                    ended = time.monotonic()
            except FAILURES as exc:  # of the start: the next one would fail too
                self._costs.add(daemon, peer, time.monotonic() - began)
                for metric in left:
                    self._costs.add(metric.name, peer, 0.0)
                    self._fail(metric, peer, exc)
                return
            self._costs.add(daemon, peer, started - began + time.monotonic() - ended)

    def _measure(self, metric: Metric, peer: str, run: Running) -> bool:
        """Return whether it came about."""
        began = time.monotonic()
        try:
            samples = metric.measure(run)
        except FAILURES as exc:
            self._fail(metric, peer, exc)
            return False
        finally:
            self._costs.add(metric.name, peer, time.monotonic() - began)
        self._report.add(peer, samples)
        self._say(f"{peer}: {', '.join(f'{row} {figure(values[0])}' for row, values in samples.items())}")
        return True

    def _fail(self, metric: Metric, peer: str, exc: Exception) -> None:
        self._report.notes.append(f"{metric.name}: {peer}: {exc}")
        self._say(self._report.notes[-1])
