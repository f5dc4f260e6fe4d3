"""What is known of one daemon: its watchers, processes, sockets, figures and events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from circus_core.events import res_name
from circus_core.quick_dataclass import dataclass
from circus_web.figures import Figures, number, text
from circus_web.history import History, Series

_MAX_EVENTS: Final = 300
_RESTART_WINDOW: Final = 300.0  #: seconds
OWN_NAMES: Final = frozenset({"circusd-stats", "circushttpd"})


@dataclass(slots=True, kw_only=True)
class Process:
    """A process of a watcher.

    :param started: Unix time of its start, 0 when nobody told
    :param is_stopping: it was told to end
    """

    pid: int
    wid: int | None = None
    started: float = 0.0
    user: str = ""
    command: str = ""
    figures: Figures = field(default_factory=Figures)
    is_stopping: bool = False
    cpu: Series = field(default_factory=lambda: Series(5, 36))

    def take(self, info: Mapping[str, Any], now: float) -> None:
        """Take over a process-info object."""
        figures = Figures.of(info)
        if figures != self.figures:
            self.figures = figures
        self.wid = info.get("wid", self.wid)
        self.user = text(info.get("username")) or self.user
        self.command = text(info.get("cmdline")) or self.command
        started = number(info.get("started")) or number(info.get("create_time"))
        if not self.started and started:
            self.started = started
        if self.figures.cpu is not None:
            self.cpu.add(now, self.figures.cpu)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A watcher.

    :param report: what ``status --long`` tells of it; with old daemons only the state
    :param cpu: percent of a core, of all its processes together
    """

    name: str
    report: dict[str, Any] = field(default_factory=dict)
    processes: dict[int, Process] = field(default_factory=dict)
    cpu: float | None = None
    mem: float | None = None
    history: History = field(default_factory=History)
    restarts: deque[tuple[float, int]] = field(default_factory=deque)
    flapping: Mapping[str, Any] = field(default_factory=dict)
    """What the plugin that stopped it said of that, empty once it is started again."""
    last_death: int | None = None  #: exit code of the last process that ended without being told to
    structure: int = 0  #: raised with each change of the set of processes

    @property
    def state(self) -> str:
        """One of the words of ``status``."""
        return str(self.report.get("state", ""))

    @property
    def is_own(self) -> bool:
        """Whether it is a part of Circus itself."""
        return self.name in OWN_NAMES or self.name.startswith("plugin:")

    @property
    def counted(self) -> int:
        """How many processes it has."""
        told = self.report.get("processes")
        return told if isinstance(told, int) else len(self.processes)

    def measure(self, now: float) -> None:
        """Sum up its processes."""
        figures = [process.figures for process in self.processes.values()]
        self.take_sums(
            sum(f.cpu for f in figures if f.cpu is not None), sum(f.mem for f in figures if f.mem is not None), now
        )

    def take_sums(self, cpu: float, mem: float, now: float) -> None:
        """Take over what all its processes use together."""
        self.cpu, self.mem = cpu, mem
        self.history.add(now, cpu, mem)

    def recent_restarts(self, now: float) -> int:
        """Return how many processes were replaced in the last five minutes."""
        while self.restarts and self.restarts[0][0] < now - _RESTART_WINDOW:
            self.restarts.popleft()
        return self.restarts[-1][1] - self.restarts[0][1] if self.restarts else 0


@dataclass(frozen=True, slots=True)
class Happening:
    """An event; *number* counts them."""

    number: int
    watcher: str
    action: str
    time: float
    details: Mapping[str, Any]


class System:
    """The daemon as it is known; changed by replies, events and statistics. For one thread.

    :param clock: tells Unix time
    """

    def __init__(self, endpoint: str, clock: Callable[[], float] = time.time) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.is_up = False
        self.why_down = "not asked yet"
        self.has_stats = False  #: circusd-stats publishes
        self.watchers: dict[str, Watched] = {}
        self.sockets: list[dict[str, Any]] = []
        self.socket_figures: dict[int, dict[str, Any]] = {}
        self.own: dict[str, Figures] = {}  #: circusd and its helpers
        self.events: deque[Happening] = deque(maxlen=_MAX_EVENTS)
        self.total = History()
        self._by_topic: dict[str, Watched] = {}
        self._counted = 0

    # Replies

    def take_status(self, reply: Mapping[str, Any]) -> None:
        """Take over a reply to ``status`` without a name."""
        reports = reply.get("watchers") or {name: {"state": state} for name, state in reply["statuses"].items()}
        new = reports.keys() - self.watchers.keys()
        self.watchers = {name: self.watchers.get(name) or Watched(name=name) for name in reports}
        self._by_topic = {res_name(name): watched for name, watched in self.watchers.items()}
        self._catch_up({res_name(name) for name in new})
        for name, report in reports.items():
            self._take_report(self.watchers[name], report)

    def _catch_up(self, topics: set[str]) -> None:
        """Take over what happened to new watchers before they were known."""
        past: dict[str, list[Happening]] = {topic: [] for topic in topics}
        for happening in self.events if topics else ():
            if happening.watcher in past:
                if happening.action in {"add", "remove"}:
                    past[happening.watcher].clear()  # that was another one of that name
                past[happening.watcher].append(happening)
        for topic, happenings in past.items():
            for happening in happenings:
                self._take_watcher_event(self._by_topic[topic], happening.action, happening.details)

    def take_report(self, name: str, reply: Mapping[str, Any]) -> None:
        """Take over a reply to ``status`` with a name."""
        watched = self.watchers.get(name)
        reports = reply.get("watchers")
        if watched is not None:
            report = next(iter(reports.values())) if reports else {"state": reply.get("status")}
            self._take_report(watched, report)

    def _take_report(self, watched: Watched, report: dict[str, Any]) -> None:
        watched.report = report
        count = report.get("restarts")
        now = self.clock()
        if isinstance(count, int):
            if watched.restarts and count < watched.restarts[-1][1]:
                watched.restarts.clear()  # another daemon, which began to count anew
            if not watched.restarts or watched.restarts[-1][1] != count:
                watched.restarts.append((now, count))
            elif len(watched.restarts) == 1:
                watched.restarts[0] = (now, count)
        if watched.state == "stopped" and watched.processes:
            watched.processes = {}
            watched.structure += 1

    def take_table(self, infos: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over the ``infos`` of a reply to ``stats``."""
        now = self.clock()
        for name, processes in infos.items():
            watched = self.watchers.get(name)
            if watched is not None:
                self._take_processes(watched, processes, now)
        self._measure(now)

    def _take_processes(self, watched: Watched, infos: Mapping[str, Any], now: float) -> None:
        table: dict[int, Process] = {}
        for pid_text, info in infos.items():
            if isinstance(info, Mapping):
                pid = int(pid_text)
                table[pid] = watched.processes.get(pid) or Process(pid=pid)
                table[pid].take(info, now)
        if table.keys() != watched.processes.keys():
            watched.structure += 1
        watched.processes = table
        watched.measure(now)

    def leaving(self) -> list[Watched]:
        """Return the watchers that have processes on their way out; not of all of these an event tells the end."""
        return [w for w in self.watchers.values() if any(p.is_stopping for p in w.processes.values())]

    def take_pids(self, watched: Watched, pids: Collection[int]) -> None:
        """Drop the processes of a watcher that are not among *pids*."""
        gone = watched.processes.keys() - set(pids)
        for pid in gone:
            del watched.processes[pid]
        watched.structure += bool(gone)

    def _measure(self, now: float) -> None:
        sums = [(watched.cpu or 0.0, watched.mem or 0.0) for watched in self.watchers.values()]
        self.total.add(now, sum(cpu for cpu, _ in sums), sum(mem for _, mem in sums))

    # Events

    def take_event(self, topic: str, details: Mapping[str, Any]) -> Watched | None:
        """Take over an event, and return the watcher that has to be asked about."""
        _, _, rest = topic.partition(".")
        res, _, action = rest.rpartition(".")
        watched = self._by_topic.get(res)
        self._counted += 1
        name = watched.name if watched else res
        when = number(details.get("time")) or self.clock()
        self.events.append(Happening(self._counted, name, action, when, details))
        if watched is not None:
            self._take_watcher_event(watched, action, details)
        return watched

    def _take_watcher_event(self, watched: Watched, action: str, details: Mapping[str, Any]) -> None:
        pid = details.get("process_pid")
        if action == "flapping":
            watched.flapping = details
        elif action == "start":
            watched.flapping = {}
        elif isinstance(pid, int):
            self._take_process_event(watched, action, pid, details)

    def _take_process_event(self, watched: Watched, action: str, pid: int, details: Mapping[str, Any]) -> None:
        if action == "spawn":
            wid = details.get("wid")
            watched.processes[pid] = Process(pid=pid, wid=wid, started=number(details.get("time")) or 0.0)
        elif action == "reap":
            process = watched.processes.pop(pid, None)
            if process is None or not process.is_stopping:
                watched.last_death = details.get("exit_code")
        elif action == "kill" and pid in watched.processes:
            watched.processes[pid].is_stopping = True
        else:
            return
        watched.structure += 1

    # Statistics

    def take_stats(self, frames: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
        """Take over what ``circusd-stats`` published, topics without ``stat.``; tell whether a process is unknown."""
        now = self.clock()
        is_unknown = False
        measured = False
        for topic, info in frames:
            self.has_stats = True
            name, _, subtopic = topic.rpartition(".")
            if "subtopic" not in info or not name:
                measured = self._take_sum(topic, info, now) or measured
            elif name == "sockets":
                self.socket_figures[int(info["subtopic"])] = dict(info)
            elif name == "circus":
                self.own[text(info.get("name")) or subtopic] = Figures.of(info)
            else:
                is_unknown = not self._take_process(name, int(subtopic), info, now) or is_unknown
        if measured:
            self._measure(now)
        return is_unknown

    def _take_sum(self, topic: str, info: Mapping[str, Any], now: float) -> bool:
        watched = self._by_topic.get(res_name(topic))
        pids = info.get("pid")
        if watched is None or not isinstance(pids, list):
            return False
        mean, mem = number(info.get("cpu")), number(info.get("mem"))
        if mean is not None and mem is not None:
            watched.take_sums(mean * len(pids), mem, now)
        return True

    def _take_process(self, name: str, pid: int, info: Mapping[str, Any], now: float) -> bool:
        watched = self._by_topic.get(res_name(name))
        process = watched.processes.get(pid) if watched else None
        if process is None:
            return False
        process.take(info, now)
        return True
