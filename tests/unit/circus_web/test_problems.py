"""What is wrong with a watcher, from what the daemon told of it."""

from __future__ import annotations

from typing import Any

import pytest

from circus_web.problems import problems_of
from circus_web.system import System, Watched

NOW = 1000.0


def watched(events: list[tuple[str, dict[str, Any]]], **report: Any) -> Watched:
    """Return the watcher ``web`` as it is known after *events* and a report."""
    system = System("ipc://nowhere", clock=lambda: NOW)
    system.take_status({"watchers": {"web": {"state": "active", "since": NOW - 60, **report}}})
    for action, details in events:
        system.take_event(f"watcher.web.{action}", {"time": NOW, **details})
    return system.watchers["web"]


def test_what_happened_before_a_watcher_was_known_counts() -> None:
    system = System("ipc://nowhere", clock=lambda: NOW)
    for action, details in [GIVEN_UP, ("remove", {}), ("add", {}), DEATH, *STOP, GIVEN_UP]:
        system.take_event(f"watcher.web.{action}", {"time": NOW, **details})
    system.take_status({"watchers": {"web": {"state": "stopped", "since": NOW - 60}}})
    assert texts(system.watchers["web"]) == [
        "flapping: given up 1m ago after 5 retries; the last one ended with exit code 3"
    ]


def texts(of: Watched) -> list[str]:
    return [problem.text for problem in problems_of(of, NOW)]


DEATH = ("reap", {"process_pid": 7, "exit_code": 3})
STOP = [("spawn", {"process_pid": 8}), ("kill", {"process_pid": 8}), ("reap", {"process_pid": 8, "exit_code": -15})]
WAITS = ("flapping", {"status": "waiting", "tries": 2, "retry_in": 7.0})
GIVEN_UP = ("flapping", {"status": "given_up", "tries": 5})


@pytest.mark.parametrize(
    ("events", "report", "expected"),
    [
        pytest.param([], {}, [], id="well"),
        pytest.param([], {"state": "stopped"}, [], id="stopped on purpose"),
        pytest.param(
            [],
            {"state": "stopped", "reason": "gave up"},
            ["stopped 1m ago: gave up"],
            id="stopped for a reason",
        ),
        pytest.param(
            [DEATH, WAITS, *STOP],
            {"state": "stopped"},
            ["flapping: stopped 1m ago, to be tried again after 7s (retry 2); the last one ended with exit code 3"],
            id="flapping and waiting",
        ),
        pytest.param(
            [DEATH, *STOP, GIVEN_UP],
            {"state": "stopped"},
            ["flapping: given up 1m ago after 5 retries; the last one ended with exit code 3"],
            id="flapping and given up",
        ),
        pytest.param([DEATH, GIVEN_UP, *STOP, ("start", {})], {"state": "stopped"}, [], id="started and stopped since"),
    ],
)
def test_problems(events: list[tuple[str, dict[str, Any]]], report: dict[str, Any], expected: list[str]) -> None:
    assert texts(watched(events, **report)) == expected
