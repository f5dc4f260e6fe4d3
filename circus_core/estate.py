"""Keeps what the next arbiter needs up to date with the Spawner, where that outlives this process."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import field
from functools import partial
from typing import Final

from circus_core._views import Recovery, Upgrade
from circus_core.config import Config
from circus_core.errors import StateError
from circus_core.events import ArbiterRecovered
from circus_core.options import WatcherConfig
from circus_core.quick_dataclass import dataclass
from circus_core.records import ArbiterRecord, Handover, Label, WatcherRecord, dump, load, load_label
from circus_core.spawner import ChildRecord, Spawner

current_command: Final[ContextVar[str | None]] = ContextVar("current_command", default=None)
"""The id of the message whose command is being executed."""

_REMEMBERED: Final = 1000  #: ids of commands that changed something

ARBITER: Final = "arbiter"
BASE: Final = "base"  #: the configuration that was read last
PENDING: Final = "pending"  #: the one that is being applied, or started next
COMMANDS: Final = "commands"
HANDOVER: Final = "handover"  #: what only one that is replaced leaves
_CONFIG: Final = "config:"
_WATCHER: Final = "watcher:"


@dataclass(frozen=True, slots=True)
class _Executed:
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftWatcher:
    """A watcher of the arbiter before."""

    key: int
    config: WatcherConfig
    record: WatcherRecord
    children: list[tuple[ChildRecord, Label]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """All that the arbiter before left.

    :param recovery: this one
    :param upgrade: this one
    :param watchers: by key
    :param strangers: children of no watcher that is known
    """

    arbiter: ArbiterRecord
    recovery: Recovery
    upgrade: Upgrade
    base: Config
    pending: Config | None
    watchers: Mapping[int, LeftWatcher]
    handover: Handover | None = None
    strangers: list[ChildRecord] = field(default_factory=list)

    @property
    def recovered(self) -> ArbiterRecovered:
        """The event that tells of it."""
        return ArbiterRecovered(count=self.recovery.count, reason=self.recovery.reason or "")

    @property
    def has_died(self) -> bool:
        """Whether the arbiter before is dead."""
        return self.recovery.count > self.arbiter.recovery.count


class Estate:
    """Notes what changed, and stores it all at once before anybody can know of it.

    A spawner that dies with this process is told nothing.
    """

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._dirty: dict[str, Callable[[], bytes]] = {}
        self._is_scheduled = False
        self._last_key = 0
        self._executed: deque[str] = deque(maxlen=_REMEMBERED)

    def new_key(self) -> int:
        """Return a key that no watcher had."""
        self._last_key += 1
        return self._last_key

    def note(self, name: str, make: Callable[[], bytes]) -> None:
        """Have what *make* returns stored under *name*, in place of what was; called when everything is stored."""
        if not self._spawner.is_durable:
            return
        self._dirty[name] = make
        command = current_command.get()
        if command is not None and not self.was_executed(command):
            self._executed.append(command)
            self._dirty[COMMANDS] = lambda: dump(_Executed(tuple(self._executed)))
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def hand_over(self, handover: Handover) -> None:
        """Store at once what only one that is replaced leaves."""
        self.note(HANDOVER, partial(dump, handover))
        self.flush()

    def note_watcher(self, key: int, record: Callable[[], WatcherRecord]) -> None:
        """Have the record of a watcher stored."""
        self.note(f"{_WATCHER}{key}", lambda: dump(record()))

    def note_config(self, key: int, config: WatcherConfig) -> None:
        """Have the configuration of a watcher stored."""
        self.note(f"{_CONFIG}{key}", lambda: dump(config))

    def forget_watcher(self, key: int) -> None:
        """Drop what is stored of a watcher."""
        for prefix in (_WATCHER, _CONFIG):
            self.note(f"{prefix}{key}", bytes)

    def forget(self, name: str) -> None:
        """Drop what is stored under *name*."""
        self.note(name, bytes)

    def flush(self) -> None:
        """Store what was noted: all of it, or none if this process dies."""
        self._is_scheduled = False
        dirty, self._dirty = self._dirty, {}
        if dirty:
            self._spawner.store_states({name: make() for name, make in dirty.items()})

    def was_executed(self, command: str) -> bool:
        """Tell whether the command of that message id was executed, by this arbiter or one before it."""
        return command in self._executed

    def read(self, reason: str | None = None) -> Left | None:
        """Return what the arbiter before left, ``None`` when there was none.

        :param reason: how it died, ``None`` when it did not
        :raises StateError: it cannot be used
        """
        self._dirty.clear()
        stored = self._spawner.stored_state()
        if ARBITER not in stored:
            return None
        if COMMANDS in stored:
            self._executed.extend(load(_Executed, stored[COMMANDS], COMMANDS).ids)
        arbiter = load(ArbiterRecord, stored[ARBITER], ARBITER)
        left = Left(
            arbiter=arbiter,
            recovery=arbiter.recovery if reason is None else _one_more(arbiter.recovery, reason),
            upgrade=arbiter.upgrade,
            base=load(Config, stored[BASE], BASE),
            pending=load(Config, stored[PENDING], PENDING) if PENDING in stored else None,
            watchers=_watchers(stored),
            handover=load(Handover, stored[HANDOVER], HANDOVER) if HANDOVER in stored else None,
        )
        for child in self._spawner.children():
            label = _label(child)
            watcher = None if label is None else left.watchers.get(label.key)
            if label is None or watcher is None:
                left.strangers.append(child)
            else:
                watcher.children.append((child, label))
            self._last_key = max(self._last_key, label.key if label else 0)
        self._last_key = max(self._last_key, *left.watchers, 0)
        return left


def _one_more(recovery: Recovery, reason: str) -> Recovery:
    return Recovery(count=recovery.count + 1, time=time.time(), reason=reason)


def _watchers(stored: Mapping[str, bytes]) -> dict[int, LeftWatcher]:
    keys = sorted(int(name.removeprefix(_WATCHER)) for name in stored if name.startswith(_WATCHER))
    return {
        key: LeftWatcher(
            key=key,
            config=load(WatcherConfig, stored[f"{_CONFIG}{key}"], f"{_CONFIG}{key}"),
            record=load(WatcherRecord, stored[f"{_WATCHER}{key}"], f"{_WATCHER}{key}"),
        )
        for key in keys
    }


def _label(child: ChildRecord) -> Label | None:
    try:
        return load_label(child.label)
    except StateError:
        return None
