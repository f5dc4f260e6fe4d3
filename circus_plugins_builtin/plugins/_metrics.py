"""What the daemon tells, as families of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from circus_core.quick_dataclass import dataclass
from circus_core.states import WatcherState
from circus_core.values import size

_STATES: Final = [state.value for state in WatcherState]
_WATCHER: Final = ["watcher"]
_PROCESS: Final = ["watcher", "wid", "pid"]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the daemon answered.

    :param watchers: name to what ``status`` tells of it with ``long``
    :param processes: name to pid to process-info object
    :param daemon: the process-info object of the daemon
    :param round_trip: seconds that the first answer took
    """

    watchers: Mapping[str, Mapping[str, Any]]
    processes: Mapping[str, Mapping[str, Any]]
    daemon: Mapping[str, Any]
    round_trip: float


class Metrics(Collector):
    """All metrics of one scrape.

    :param answers: ``None`` when the daemon did not answer
    :param exits: (watcher, reason) to number
    :param spawn_failures: watcher to number
    """

    def __init__(
        self,
        answers: Answers | None,
        exits: Mapping[tuple[str, str], int],
        spawn_failures: Mapping[str, int],
        *,
        per_process: bool,
    ) -> None:
        self._answers = answers
        self._exits = exits
        self._spawn_failures = spawn_failures
        self._per_process = per_process

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield GaugeMetricFamily("circus_up", "Whether the daemon answered.", value=float(self._answers is not None))
        yield from self._counted()
        if self._answers is not None:
            yield from _of_daemon(self._answers)
            yield from _of_watchers(self._answers.watchers)
            yield from _of_processes(self._answers.processes)
            if self._per_process:
                yield from _of_each_process(self._answers.processes)

    def _counted(self) -> Iterator[Metric]:
        exits = CounterMetricFamily(
            "circus_watcher_exits", "Processes that ended, by exit code or signal.", labels=["watcher", "reason"]
        )
        for (watcher, reason), number in self._exits.items():
            exits.add_metric([watcher, reason], number)
        yield exits
        failures = CounterMetricFamily(
            "circus_watcher_spawn_failures", "Processes that could not be spawned.", labels=_WATCHER
        )
        for watcher, number in self._spawn_failures.items():
            failures.add_metric([watcher], number)
        yield failures


def _of_daemon(answers: Answers) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "circus_daemon_round_trip_seconds", "Time until the daemon answered.", value=answers.round_trip, unit="seconds"
    )
    figures = _figures([answers.daemon])
    yield GaugeMetricFamily("circus_daemon_cpu_ratio", "CPU that the daemon uses.", value=figures.cpu, unit="ratio")
    yield GaugeMetricFamily(
        "circus_daemon_memory_bytes", "Memory that the daemon uses.", value=figures.memory, unit="bytes"
    )


def _of_watchers(watchers: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    states = StateSetMetricFamily("circus_watcher_state", "State of the watcher.", labels=_WATCHER)
    since = GaugeMetricFamily(
        "circus_watcher_state_since_seconds", "Unix time since which it is in that state.", labels=_WATCHER
    )
    running = GaugeMetricFamily("circus_watcher_processes", "Processes that run.", labels=_WATCHER)
    desired = GaugeMetricFamily("circus_watcher_desired_processes", "Processes that should run.", labels=_WATCHER)
    restarts = CounterMetricFamily(
        "circus_watcher_restarts", "Processes that ended by themselves and were replaced.", labels=_WATCHER
    )
    lost = CounterMetricFamily(
        "circus_watcher_output_lost_bytes", "Output that no stream took.", labels=_WATCHER, unit="bytes"
    )
    for name, report in watchers.items():
        states.add_metric([name], {state: state == report["state"] for state in _STATES})
        since.add_metric([name], report["since"])
        running.add_metric([name], report["processes"])
        desired.add_metric([name], report["numprocesses"])
        restarts.add_metric([name], report["restarts"])
        lost.add_metric([name], report.get("output_lost", 0))
    yield from (states, since, running, desired, restarts, lost)


def _of_processes(processes: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    cpu = GaugeMetricFamily("circus_watcher_cpu_ratio", "CPU of all processes; 1 is one core.", labels=_WATCHER)
    memory = GaugeMetricFamily("circus_watcher_memory_bytes", "Resident memory of all processes.", labels=_WATCHER)
    for name, infos in processes.items():
        figures = _figures(infos.values())
        cpu.add_metric([name], figures.cpu)
        memory.add_metric([name], figures.memory)
    yield from (cpu, memory)


def _of_each_process(processes: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    cpu = GaugeMetricFamily("circus_process_cpu_ratio", "CPU; 1 is one core.", labels=_PROCESS)
    memory = GaugeMetricFamily("circus_process_memory_bytes", "Resident memory.", labels=_PROCESS)
    age = GaugeMetricFamily("circus_process_age_seconds", "Time since it was spawned.", labels=_PROCESS)
    for name, infos in processes.items():
        for pid, info in infos.items():
            if isinstance(info, dict):
                labels, figures = [name, str(info["wid"]), pid], _figures([info])
                cpu.add_metric(labels, figures.cpu)
                memory.add_metric(labels, figures.memory)
                age.add_metric(labels, info["age"])
    yield from (cpu, memory, age)


@dataclass(frozen=True, slots=True)
class _Figures:
    cpu: float
    memory: float


def _figures(infos: Any) -> _Figures:
    """Return what processes use together; what cannot be read of one is left out."""
    readable = [info for info in infos if isinstance(info, dict)]
    return _Figures(
        cpu=sum(info["cpu"] for info in readable if info["cpu"] != "N/A") / 100,
        memory=float(sum(size(info["mem_info1"]) for info in readable if info["mem_info1"] != "N/A")),
    )
