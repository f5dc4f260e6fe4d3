"""What goes wrong with a stream: counted always, logged once a period."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Final

from circus_core.quick_dataclass import dataclass

logger = logging.getLogger("circus")

LOG_PERIOD: Final = 60.0  #: seconds between two log lines about the faults of one stream


class Losses:
    """Bytes that no stream took, by watcher. Any thread may call."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bytes: Counter[str] = Counter()

    def add(self, watcher: str, size: int) -> None:
        """Count *size* bytes of *watcher* as lost."""
        with self._lock:
            self._bytes[watcher] += size

    def of(self, watcher: str) -> int:
        """Return the lost bytes of one watcher."""
        with self._lock:
            return self._bytes[watcher]

    def by_watcher(self) -> dict[str, int]:
        """Return watcher to lost bytes, of those that lost any."""
        with self._lock:
            return dict(self._bytes)


@dataclass(frozen=True, slots=True)
class FaultReport:
    """How a stream fares.

    :param faults: how often it failed
    :param lost: bytes that it did not take
    :param error: why it fails now, ``None`` when it works
    """

    faults: int = 0
    lost: int = 0
    error: str | None = None


class Faults:
    """The faults of one stream. Any thread may call."""

    def __init__(self, name: str, losses: Losses, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._losses = losses
        self._clock = clock
        self._lock = Lock()
        self._report = FaultReport()
        self._logged_at = float("-inf")
        self._told = False

    def report(self) -> FaultReport:
        """Return the counts so far."""
        return self._report

    def failed(self, error: str) -> None:
        """Count a failure; log it unless the last such line is less than a period old."""
        with self._lock:
            report = self._report
            self._report = FaultReport(report.faults + 1, report.lost, error)
            if self._clock() - self._logged_at < LOG_PERIOD:
                return
            self._logged_at = self._clock()
            self._told = True
        logger.error("%s: output fails: %s (failures so far: %d)", self._name, error, report.faults + 1)

    def lost(self, watcher: str, size: int) -> None:
        """Count bytes of *watcher* that were not taken."""
        with self._lock:
            report = self._report
            self._report = FaultReport(report.faults, report.lost + size, report.error)
        self._losses.add(watcher, size)

    def gave_up(self, size: int) -> None:
        """Say that a stream which hangs was closed with so many bytes queued."""
        logger.error("%s: output hangs and is closed; bytes lost with it: %d", self._name, size)

    def worked(self) -> None:
        """Note that the stream works; say so when its failure was logged."""
        if self._report.error is None:
            return
        with self._lock:
            report = self._report
            self._report = FaultReport(report.faults, report.lost)
            told, self._told = self._told, False
        if told:
            logger.warning("%s: output works again; bytes lost so far: %d", self._name, report.lost)
