"""The ``resource_watcher`` plugin: restart a watcher that uses more, or less, than it should."""

from __future__ import annotations

import logging
import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from circus_core.errors import OptionError
from circus_core.options import Kind, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_core.values import number, size
from circus_plugins_builtin.plugins._kinds import RATE
from circus_plugins_builtin.plugins.statsd import BaseObserver, ObserverOptions

logger: Final = logging.getLogger("circus")

_WHOLE: Final = 100.0  #: percent; what cannot be read counts as this


@dataclass(frozen=True)
class Memory:
    """An amount of memory: percent of what the machine has, or bytes."""

    amount: float
    is_percent: bool

    def of(self, info: Mapping[str, Any]) -> float:
        """Return what a process uses, in the same unit."""
        if self.is_percent:
            return _percent(info["mem"])
        text = info["mem_info1"]
        return math.inf if text == "N/A" else float(size(text))


def _memory(text: str) -> Memory:
    try:
        return Memory(number(text, minimum=0), is_percent=True)
    except ValueError:
        return Memory(float(size(text)), is_percent=False)


def _show_memory(memory: Memory | None) -> str | None:
    return None if memory is None else f"{memory.amount:g}" + ("" if memory.is_percent else "B")


_MEMORY: Final = Kind(
    name="percent or size",
    parse=_memory,
    fix="write percent as a number, or a size with its unit as in 250M",
    complaint="is neither percent nor a size",
    json_types=(int, float),
    show=_show_memory,
)


@dataclass(frozen=True, kw_only=True)
class ResourceWatcherOptions(ObserverOptions):
    """Options of :class:`ResourceWatcher`."""

    watcher: str | None = option(kinds.NAME, None, "Watcher to look after. Required.")
    service: str | None = option(kinds.NAME, None, "Earlier name of ``watcher``.")
    max_cpu: float = option(RATE, 90.0, "CPU that each process may use.", unit="%")
    max_mem: Memory = option(
        _MEMORY, Memory(90.0, is_percent=True), "Memory that each process may use: percent, or bytes as in ``250M``."
    )
    min_cpu: float | None = option(RATE, None, "CPU that each process has to use more than.", unit="%")
    min_mem: Memory | None = option(_MEMORY, None, "Memory that each process has to use at least: percent or bytes.")
    total_max_cpu: float | None = option(RATE, None, "CPU that all processes together may use.", unit="%")
    total_max_mem: Memory | None = option(
        _MEMORY, None, "Memory that all processes together may use: percent or bytes."
    )
    health_threshold: float = option(RATE, 75.0, "What the mean of CPU and memory percent may be.", unit="%")
    max_count: int = option(kinds.whole(0), 3, "Looks in a row that a limit may be exceeded; at the next one it acts.")
    process_children: bool = option(
        kinds.BOOL, False, "Look after each child of a process too, and send it ``child_signal``."
    )
    child_signal: int = option(kinds.SIGNAL, int(signal.SIGTERM), "Signal for a child that exceeds a limit.")

    def __post_init__(self) -> None:
        if not (self.watcher or self.service):
            raise OptionError("watcher", "", why="missing", fix="write the name of the watcher to look after")


class ResourceWatcher(BaseObserver):
    """Restart a watcher when its processes exceed a limit too often in a row.

    Each limit is counted on its own. Counters ``_resource_watcher.WATCHER.`` with ``over_cpu``, ``under_cpu``,
    ``over_memory``, ``under_memory``, ``over_health``, ``over_total_cpu``, ``over_total_memory``, ``restarting`` and
    ``error``. What cannot be read of a process counts as 100 %.
    """

    name = "resource_watcher"
    options_type = ResourceWatcherOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.service: str | None = self.options.service
        self.watcher: str = self.options.watcher or self.options.service
        self._counts: dict[tuple[Any, str], int] = {}

    async def look_after(self) -> None:
        reply = await self.call_async("stats", name=self.watcher)
        if reply["status"] == "error":
            self._count("error")
            logger.warning("%s: %s", self.label, reply.get("reason"))
            return
        infos = {pid: info for pid, info in reply["info"].items() if isinstance(info, dict)}
        if not infos:
            self._counts.clear()
            return
        self._look_at_processes(list(infos.values()))
        if self.options.process_children:
            self._look_at_children(infos)

    def _look_at_processes(self, infos: Sequence[Mapping[str, Any]]) -> None:
        exceeded = [*_exceeded(self.options, infos), *_exceeded_together(self.options, infos)]
        if self._is_too_often(None, exceeded):
            logger.info("%s: restarting %s", self.label, self.watcher)
            self.cast("restart", name=self.watcher, match="simple")
            self._count("restarting")

    def _look_at_children(self, infos: Mapping[str, Mapping[str, Any]]) -> None:
        children = {
            (int(pid), child["pid"]): child
            for pid, info in infos.items()
            for child in info["children"]
            if isinstance(child, dict)
        }
        gone = [key for key in self._counts if key[0] is not None and key[0] not in children]
        for key in gone:
            del self._counts[key]
        for (pid, child), info in children.items():
            if self._is_too_often((pid, child), _exceeded(self.options, [info])):
                logger.info("%s: signal %d to %d, a child of %d", self.label, self.options.child_signal, child, pid)
                self.cast("signal", name=self.watcher, pid=pid, childpid=child, signum=self.options.child_signal)
                self._count("restarting")

    def _is_too_often(self, subject: Any, exceeded: Sequence[str] | Iterator[str]) -> bool:
        """Count what *subject* exceeds now, forget what it does not, and tell if it is time to act."""
        now = {limit: self._counts.get((subject, limit), 0) + 1 for limit in exceeded}
        for key in [key for key in self._counts if key[0] == subject]:
            del self._counts[key]
        for limit in now:
            self._count(limit)
        if any(count > self.options.max_count for count in now.values()):
            return True
        self._counts.update({(subject, limit): count for limit, count in now.items()})
        return False

    def _count(self, what: str) -> None:
        self.statsd.increment(f"_resource_watcher.{self.watcher}.{what}")


def _exceeded(options: ResourceWatcherOptions, infos: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the limits that one of the processes exceeds."""
    cpus = [_percent(info["cpu"]) for info in infos]
    if max(cpus) > options.max_cpu:
        yield "over_cpu"
    if options.min_cpu is not None and min(cpus) <= options.min_cpu:
        yield "under_cpu"
    if max(options.max_mem.of(info) for info in infos) > options.max_mem.amount:
        yield "over_memory"
    if options.min_mem is not None and min(map(options.min_mem.of, infos)) < options.min_mem.amount:
        yield "under_memory"
    if (max(cpus) + max(_percent(info["mem"]) for info in infos)) / 2 > options.health_threshold:
        yield "over_health"


def _exceeded_together(options: ResourceWatcherOptions, infos: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the limits that the processes together exceed."""
    if options.total_max_cpu is not None and sum(_percent(info["cpu"]) for info in infos) > options.total_max_cpu:
        yield "over_total_cpu"
    if options.total_max_mem is not None and sum(map(options.total_max_mem.of, infos)) > options.total_max_mem.amount:
        yield "over_total_memory"


def _percent(value: Any) -> float:
    return _WHOLE if value == "N/A" else float(value)
