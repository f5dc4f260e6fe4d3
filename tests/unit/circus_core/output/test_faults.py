"""Failures of streams: counted always, logged once a period."""

from __future__ import annotations

import logging

import pytest

from circus_core.output.faults import LOG_PERIOD, FaultReport, Faults, Losses


def test_a_failure_is_logged_once_a_period_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    losses = Losses()
    faults = Faults("watcher:web stdout_stream", losses, clock=lambda: now[0])

    for _ in range(3):
        faults.failed("No space left on device")
        faults.lost("web", 10)
    now[0] = LOG_PERIOD
    faults.failed("No space left on device")

    assert faults.report() == FaultReport(faults=4, lost=30, error="No space left on device")
    assert losses.by_watcher() == {"web": 30}
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "watcher:web stdout_stream" in caplog.text


def test_the_end_of_a_logged_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    faults = Faults("watcher:web stdout_stream", Losses(), clock=lambda: 0.0)

    faults.failed("gone")
    faults.worked()
    faults.failed("gone")
    faults.worked()

    assert faults.report().error is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
