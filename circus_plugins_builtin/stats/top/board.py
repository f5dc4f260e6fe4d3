"""What the statistics of one daemon told so far, and what of it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.stats.client import Message
from circus_plugins_builtin.stats.top.sparkline import SPAN, History

SOCKETS: Final = "sockets"
DAEMON: Final = "circus"
_HIDDEN: Final = ("circusd-stats", "circushttpd")  # they stand among those of the daemon


@dataclass(slots=True)
class Entry:
    """Something that was told of: a process or a socket, by *key* its pid or descriptor.

    :param at: ``time.monotonic()`` reading of when it was told of last
    """

    key: str
    stat: Mapping[str, Any]
    at: float

    def number(self, name: str) -> float:
        """Return a figure, 0 when nobody knows it."""
        value = self.stat.get(name)
        return float(value) if isinstance(value, (int, float)) else 0.0


@dataclass(slots=True)
class Group:
    """A watcher, or the processes of the daemon itself.

    :param stat: what was told of it as a whole
    """

    topic: str
    stat: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0
    entries: dict[str, Entry] = field(default_factory=dict)
    cpu: History = field(default_factory=History)
    mem: History = field(default_factory=History)

    @property
    def name(self) -> str:
        return str(self.stat.get("name") or self.topic)

    @property
    def state(self) -> str:
        return str(self.stat.get("state") or "")

    def total(self, name: str) -> float:
        """Return the sum of a figure of its processes."""
        return sum(entry.number(name) for entry in self.entries.values())

    def oldest(self) -> float:
        """Return the age of its oldest process."""
        return max((entry.number("age") for entry in self.entries.values()), default=0.0)

    def number(self, name: str) -> float:
        """Return what stands for a figure of all of its processes."""
        if name == "age":
            return self.oldest()
        return self.total(name) if name in ("cpu", "mem") else Entry("", self.stat, 0.0).number(name)


class Board:
    """Takes the messages of one stats endpoint.

    :param process_timeout: seconds after which what was not told of any more is dropped
    """

    def __init__(self, endpoint: str, process_timeout: float = 3.0) -> None:
        self.endpoint = endpoint
        self.heard_at: float | None = None
        self.rounds = 0  #: how many times the daemon told of all there is
        self.sockets: dict[str, Entry] = {}
        self.socket_history: dict[str, History] = {}
        self._groups: dict[str, Group] = {}
        self._process_timeout = process_timeout

    def take(self, message: Message, now: float) -> None:
        """Take one message."""
        topic, key, stat = message
        self.heard_at = now
        if topic == SOCKETS:
            if key is not None:
                self._take_socket(key, stat, now)
            return
        if topic in _HIDDEN:
            return
        group = self._groups.setdefault(topic, Group(topic))
        if key is not None:
            group.entries[key] = Entry(key, stat, now)
            return
        pids = {str(pid) for pid in stat.get("pid", ())}
        group.stat, group.at = stat, now
        group.entries = {key: entry for key, entry in group.entries.items() if key in pids}
        group.cpu.add(now, group.total("cpu"))
        group.mem.add(now, group.total("mem"))
        if topic == DAEMON:
            self.rounds += 1

    def groups(self, now: float) -> list[Group]:
        """Return the watchers of which there is news, the daemon itself last."""
        self._drop_old(now)
        found = [group for group in self._groups.values() if now - group.at <= self._process_timeout]
        return sorted(found, key=lambda group: (group.topic == DAEMON, group.topic))

    def is_silent(self, now: float) -> bool:
        """Tell if there is no news of anything."""
        return self.heard_at is None or now - self.heard_at > self._process_timeout

    def _take_socket(self, key: str, stat: Mapping[str, Any], now: float) -> None:
        entry = self.sockets[key] = Entry(key, stat, now)
        name = "reads" if isinstance(stat.get("accepted"), str) or "accepted" not in stat else "accepted"
        self.socket_history.setdefault(key, History()).add(now, entry.number(name))

    def _drop_old(self, now: float) -> None:
        oldest = now - self._process_timeout
        for group in self._groups.values():
            group.entries = {key: entry for key, entry in group.entries.items() if entry.at >= oldest}
        self.sockets = {key: entry for key, entry in self.sockets.items() if entry.at >= oldest}
        self.socket_history = {key: past for key, past in self.socket_history.items() if key in self.sockets}
        # The past of a watcher outlives a restart of its daemon.
        self._groups = {topic: group for topic, group in self._groups.items() if now - group.at <= SPAN}
