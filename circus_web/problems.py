"""What is wrong with a watcher, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from circus_core.quick_dataclass import dataclass
from circus_web.figures import duration, number
from circus_web.pages import WatcherView

_PATIENCE = 20.0  #: seconds that a watcher may take to start or stop before that is odd
_MANY_RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that somebody should look at.

    :param level: 2 for what is broken, 1 for what is odd
    """

    watcher: str
    level: int
    text: str


def problems_of(watched: WatcherView, now: float) -> Iterator[Problem]:
    """Yield what is wrong with a watcher, the worst first."""
    report = watched.report
    since = report.get("since") or now
    if watched.state == "stopped" and report.get("reason"):
        yield Problem(watched.name, 2, f"stopped {_ago(since, now)}: {report['reason']}{_last_exit(report, now)}")
        return
    if watched.state == "stopped" and watched.flapping:
        yield Problem(watched.name, 2, f"flapping: {_flapping(watched, _ago(since, now))}")
        return
    if report.get("retries"):
        tries = f"{report['retries']} failed in a row"
        yield Problem(watched.name, 2, f"keeps failing: {tries}{_last_error(report)}{_last_exit(report, now)}")
        return
    restarts = watched.recent_restarts(now)
    if restarts >= _MANY_RESTARTS:
        yield Problem(watched.name, 2, f"replaced {restarts} processes in the last minutes{_last_exit(report, now)}")
    if watched.state in {"starting", "stopping"} and now - since > _PATIENCE:
        yield Problem(watched.name, 1, f"{watched.state} for {duration(now - since)}{_last_error(report)}")
    lacking = _lacking(watched)
    if lacking and now - since > _PATIENCE:
        yield Problem(watched.name, 1, f"{lacking} of {report['numprocesses']} processes are missing")


def level_of(watched: WatcherView, now: float) -> int:
    """Return how bad it is: 2 broken, 1 odd, 0 all well."""
    return max((problem.level for problem in problems_of(watched, now)), default=0)


def _lacking(watched: WatcherView) -> int:
    wanted = watched.report.get("numprocesses")
    if watched.state != "active" or not isinstance(wanted, int):
        return 0
    return max(0, wanted - watched.counted)


def _flapping(watched: WatcherView, ago: str) -> str:
    told = watched.flapping
    tries = told.get("tries")
    if told.get("status") == "given_up":
        what = f"given up {ago} after {tries} retries"
    else:
        what = f"stopped {ago}, to be tried again after {duration(number(told.get('retry_in')) or 0)} (retry {tries})"
    return f"{what}; the last one ended {how_it_ended(watched.last_death)}"


def _ago(since: float, now: float) -> str:
    return f"{duration(now - since)} ago"


def _last_error(report: Mapping[str, Any]) -> str:
    return f"; {report['last_error']}" if report.get("last_error") else ""


def _last_exit(report: Mapping[str, Any], now: float) -> str:
    last = report.get("last_exit")
    if not last:
        return ""
    return f"; the last one ended {how_it_ended(last.get('exit_code'))}"


def how_it_ended(code: Any) -> str:
    """Return an exit code in words."""
    if not isinstance(code, int):
        return "in a way that nobody could tell"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
