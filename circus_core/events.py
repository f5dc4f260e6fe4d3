"""One frozen dataclass per event that the daemon publishes.

The topic of an event is ``watcher.<res_name>.<action>``, its payload the fields
but ``watcher``. ``time`` is a Unix timestamp.
"""

from __future__ import annotations

import time as _time
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, ClassVar

from circus_core.quick_dataclass import dataclass


def res_name(name: str) -> str:
    """Return a watcher's name as it stands in event topics: lower case, spaces as ``_``."""
    return name.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: something happened to *watcher* at *time*."""

    action: ClassVar[str]
    watcher: str
    time: float = field(default_factory=_time.time)

    @property
    def topic(self) -> str:
        """The dotted topic, ``watcher.<res_name>.<action>``."""
        return f"watcher.{res_name(self.watcher)}.{self.action}"

    def payload(self) -> dict[str, Any]:
        """Return what is sent as JSON: all fields but ``watcher``; a ``None`` in an optional one is left out."""
        values = ((f.name, getattr(self, f.name), f.metadata) for f in fields(self) if f.name != "watcher")
        return {name: value for name, value, meta in values if value is not None or not meta.get("optional")}


def _optional() -> Any:
    return field(default=None, metadata={"optional": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterRecovered(Event):
    """An arbiter took over from one that died, for the *count*-th time; *reason* tells how that one ended."""

    action: ClassVar[str] = "recovered"
    watcher: str = ""
    count: int
    reason: str

    @property
    def topic(self) -> str:
        """The topic ``arbiter.recovered``: it is about no watcher."""
        return f"arbiter.{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperReplaced(Event):
    """The keeper died and the arbiter started another one, for the *count*-th time; *pid* is circusd's from now on."""

    action: ClassVar[str] = "replaced"
    watcher: str = ""
    count: int
    pid: int

    @property
    def topic(self) -> str:
        """The topic ``keeper.replaced``: it is about no watcher."""
        return f"keeper.{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterUpgraded(Event):
    """Another arbiter was put in the place of one that lived, for the *count*-th time."""

    action: ClassVar[str] = "upgraded"
    watcher: str = ""
    count: int
    version: str
    python: str
    previous_version: str
    previous_python: str

    @property
    def topic(self) -> str:
        """The topic ``arbiter.upgraded``: it is about no watcher."""
        return f"arbiter.{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterUpgradeFailed(Event):
    """Another arbiter could not take over, and the one before goes on; *reason* tells why."""

    action: ClassVar[str] = "upgrade_failure"
    watcher: str = ""
    reason: str

    @property
    def topic(self) -> str:
        """The topic ``arbiter.upgrade_failure``: it is about no watcher."""
        return f"arbiter.{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherAdded(Event):
    """A command registered a watcher."""

    action: ClassVar[str] = "add"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherRemoved(Event):
    """A watcher is being removed; comes first, before it stops."""

    action: ClassVar[str] = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherStarted(Event):
    """A watcher became active."""

    action: ClassVar[str] = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherStopped(Event):
    """All processes of a watcher are gone; *reason* is given when nobody asked for it."""

    action: ClassVar[str] = "stop"
    reason: str | None = _optional()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherReloaded(Event):
    """A graceful reload ended."""

    action: ClassVar[str] = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherUpdated(Event):
    """One option was set."""

    action: ClassVar[str] = "updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpawned(Event):
    """A process was spawned; *time* is its start stamp."""

    action: ClassVar[str] = "spawn"
    process_pid: int
    wid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnFailed(Event):
    """A process could not be spawned."""

    action: ClassVar[str] = "spawn_failure"
    wid: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessKilled(Event):
    """A process was told to die: once for the stop signal, once more for ``SIGKILL``."""

    action: ClassVar[str] = "kill"
    process_pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessReaped(Event):
    """A process was collected; *exit_code* is minus the signal number, ``None`` when the kernel did not tell."""

    action: ClassVar[str] = "reap"
    process_pid: int
    exit_code: int | None
    wid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Event):
    """A plugin or another client told of something, by the ``publish`` command; *data* are its further keys."""

    action: ClassVar[str] = ""  # each has its own: *what*
    what: str
    data: Mapping[str, Any]

    @property
    def topic(self) -> str:
        """The dotted topic, ``watcher.<res_name>.<what>``."""
        return f"watcher.{res_name(self.watcher)}.{self.what}"

    def payload(self) -> dict[str, Any]:
        """Return what is sent as JSON."""
        return {**self.data, "time": self.time}


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSucceeded(Event):
    """A hook returned, whatever it returned."""

    action: ClassVar[str] = "hook_success"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(Event):
    """A hook raised or missed its deadline."""

    action: ClassVar[str] = "hook_failure"
    name: str
    error: str
