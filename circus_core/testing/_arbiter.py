"""An arbiter without processes: commands are run against it, it notes what they change."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from circus_core.errors import AlreadyExistsError, CommandFailedError, MessageError, UnknownWatcherError, UpgradeError
from circus_core.events import Event
from circus_core.interfaces import (
    ArbiterHandle,
    Command,
    ExtensionInfo,
    Outcome,
    OutputPage,
    OutputSource,
    ProcessView,
    Recovery,
    ReloadPlan,
    SocketView,
    Upgrade,
    WatcherHandle,
    WatcherReport,
)
from circus_core.options import CircusConfig, WatcherConfig, get_watcher_option, make_watcher_config, watcher_options
from circus_core.states import ProcessState, WatcherState, Wid


class FakeChange:
    """A change that comes to *outcome*, or fails with *why*, when it is awaited."""

    def __init__(self, outcome: Outcome, why: str | None = None) -> None:
        self._outcome = outcome
        self._why = why
        self.was_awaited = False

    def __await__(self) -> Generator[None, None, Outcome]:
        self.was_awaited = True
        if self._why is not None:
            raise CommandFailedError(self._why)
        yield from ()
        return self._outcome


class FakeWatcher:
    """A watcher whose processes are numbers.

    :param pids: of its processes, in the order of their wids
    """

    def __init__(
        self,
        name: str,
        *,
        pids: Sequence[int] = (),
        state: WatcherState = WatcherState.ACTIVE,
        report: WatcherReport | None = None,
        **options: Any,
    ) -> None:
        self.config = WatcherConfig(name=name, cmd="sleep 1000", **{"numprocesses": max(1, len(pids)), **options})
        self.state = state
        self.arbiter: FakeArbiter | None = None
        self.output_lost = 0
        self._pids = tuple(pids)
        self._report = report

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def numprocesses(self) -> int:
        return self.config.numprocesses

    def processes(self) -> list[ProcessView]:
        """Return a view of each pid."""
        started = 1000.0
        return [
            ProcessView(Wid(n), pid, started + n, ProcessState.RUNNING) for n, pid in enumerate(self._pids, start=1)
        ]

    def pids(self) -> list[int]:
        """Return the pids that it was made with."""
        return list(self._pids)

    def report(self) -> WatcherReport:
        """Return the report that it was made with."""
        if self._report is not None:
            return self._report
        return WatcherReport(state=self.state, since=1000.0, numprocesses=self.numprocesses, processes=len(self._pids))

    def options(self) -> dict[str, Any]:
        """Return what the real table shows."""
        return watcher_options(self.config)

    def option(self, name: str) -> Any:
        """Return what the real table shows."""
        return get_watcher_option(self.config, name)

    def start(self) -> FakeChange:
        return self._note("start")

    def stop(self) -> FakeChange:
        return self._note("stop")

    def restart(self) -> FakeChange:
        return self._note("restart")

    def reload(self, *, graceful: bool = True, sequential: bool = False) -> FakeChange:
        """Note it."""
        return self._note("reload", graceful=graceful, sequential=sequential)

    def resize(self, numprocesses: int) -> FakeChange:
        """Note it, and have the new number."""
        self.config = replace(self.config, numprocesses=max(0, numprocesses))
        return self._note("resize", numprocesses=self.config.numprocesses)

    def kill(
        self, pid: int | None = None, *, signum: int | None = None, graceful_timeout: float | None = None
    ) -> FakeChange:
        """Note it."""
        return self._note("kill", pid=pid, signum=signum, graceful_timeout=graceful_timeout)

    def signal(
        self,
        signum: int,
        pid: int | None = None,
        *,
        childpid: int | None = None,
        children: bool = False,
        recursive: bool = False,
    ) -> None:
        """Note it."""
        self._note("signal", signum=signum, pid=pid, childpid=childpid, children=children, recursive=recursive)

    async def extend_stats(self, pid: int, stats: dict[str, Any]) -> None:
        """Add ``extra``."""
        stats["extra"] = pid

    def set_options(self, options: Mapping[str, Any]) -> FakeChange:
        """Note it."""
        return self._note("set_options", options=dict(options))

    def _note(self, what: str, **details: Any) -> FakeChange:
        assert self.arbiter is not None
        return self.arbiter.note(what, self.name, **details)


class FakeArbiter:
    """Has watchers, notes every change in ``calls`` as (method, watchers, details).

    :param outcome: what every change comes to
    :param failure: why every change fails, for those who wait
    """

    pid = 4711
    endpoint = "tcp://127.0.0.1:5555"
    pubsub_endpoint = "tcp://127.0.0.1:5556"
    is_stopping = False
    recovery = Recovery()
    keeper_replacements = Recovery()
    last_upgrade = Upgrade()

    def __init__(self, *watchers: FakeWatcher, config: CircusConfig | None = None) -> None:
        self.config = config or CircusConfig()
        self.outcome = Outcome()
        self.failure: str | None = None
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []
        self.changes: list[FakeChange] = []
        self.sockets_held: list[SocketView] = []
        self.installed: list[ExtensionInfo] = []
        self.known: dict[str, Command[Any]] = {}
        self.plan = ReloadPlan()
        self.page = OutputPage(chunks=(), cursor="ring.0")
        self._watchers = {watcher.name.lower(): watcher for watcher in watchers}
        for watcher in watchers:
            watcher.arbiter = self

    def publish(self, event: Event) -> None:
        """Note an event."""
        self.calls.append(("publish", event.topic, event.payload()))

    def note(self, what: str, subject: Any = None, **details: Any) -> FakeChange:
        """Note a change and return it."""
        self.calls.append((what, subject, details))
        self.changes.append(FakeChange(self.outcome, self.failure))
        return self.changes[-1]

    def watchers(self) -> list[FakeWatcher]:
        """Return all watchers."""
        return list(self._watchers.values())

    def watcher(self, name: str) -> FakeWatcher:
        """Return the watcher of that name."""
        if name.lower() not in self._watchers:
            raise UnknownWatcherError(name, self._watchers)
        return self._watchers[name.lower()]

    def matching(self, pattern: str, how: str = "glob") -> list[FakeWatcher]:
        """Return the watchers whose name starts with *pattern*, up to its first star."""
        if how not in ("glob", "regex", "simple"):
            raise MessageError(f"unknown match method {how}")
        start = pattern.lower().partition("*")[0]
        found = [
            w
            for name, w in self._watchers.items()
            if name == pattern.lower() or ("*" in pattern and name.startswith(start))
        ]
        if not found:
            raise UnknownWatcherError(pattern, self._watchers)
        return found

    def sockets(self) -> list[SocketView]:
        return self.sockets_held

    def commands(self) -> Mapping[str, Command[Any]]:
        return self.known

    def extensions(self) -> list[ExtensionInfo]:
        return self.installed

    async def process_info(self, pids: Sequence[int], *, with_children: bool = True) -> dict[int, dict[str, Any] | str]:
        """Return an object of two keys, a text for pids above 100000."""
        return {pid: {"pid": pid, "cpu": 0.0} if pid <= 100000 else "No such process (stopped?)" for pid in pids}

    async def read_output(
        self, sources: Sequence[OutputSource], *, lines: int, after: str | None = None, wait: float = 0.0
    ) -> OutputPage:
        """Note what is asked for, and return the page."""
        self.calls.append(("read_output", list(sources), {"lines": lines, "after": after, "wait": wait}))
        return self.page

    def parse_watcher(
        self, name: str, cmd: str, args: Any = None, options: Mapping[str, Any] | None = None
    ) -> WatcherConfig:
        """Return what the real table makes of it."""
        return make_watcher_config(name, cmd, args, options)

    def add_watcher(self, config: WatcherConfig, *, start: bool = False) -> FakeChange:
        """Have one more watcher."""
        if config.name.lower() in self._watchers:
            raise AlreadyExistsError(f"{config.name!r} already exist")
        watcher = self._watchers[config.name.lower()] = FakeWatcher(config.name, state=WatcherState.STOPPED)
        watcher.config = config
        watcher.arbiter = self
        return self.note("add_watcher", config.name, start=start)

    def remove_watcher(self, name: str, *, stop: bool = True) -> FakeChange:
        """Have one watcher less."""
        del self._watchers[self.watcher(name).name.lower()]
        return self.note("remove_watcher", name, stop=stop)

    def start_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> FakeChange:
        """Note it."""
        return self.note("start_watchers", _names(watchers))

    def stop_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> FakeChange:
        """Note it."""
        return self.note("stop_watchers", _names(watchers))

    def restart_watchers(self, watchers: Sequence[WatcherHandle]) -> FakeChange:
        """Note it."""
        return self.note("restart_watchers", _names(watchers))

    def reload_watchers(self, *, graceful: bool = True, sequential: bool = False) -> FakeChange:
        """Note it."""
        return self.note("reload_watchers", graceful=graceful, sequential=sequential)

    async def plan_reload(self) -> ReloadPlan:
        return self.plan

    async def reload_config(self) -> FakeChange:
        return self.note("reload_config")

    async def restart(self) -> FakeChange:
        return self.note("restart")

    async def upgrade(self, python: str | None = None, *, timeout: float = 30.0) -> Upgrade:
        """Note that another arbiter is wanted."""
        self.note("upgrade", python=python, timeout=timeout)
        if self.failure is not None:
            raise UpgradeError(self.failure)
        return self.last_upgrade

    def quit(self) -> FakeChange:
        return self.note("quit")


if TYPE_CHECKING:  # they are what the real ones are
    _arbiter: ArbiterHandle = FakeArbiter()
    _watcher: WatcherHandle = FakeWatcher("web")


def _names(watchers: Sequence[WatcherHandle] | None) -> list[str] | None:
    return None if watchers is None else [watcher.name for watcher in watchers]
