"""Lifecycle enums, the moves that they allow."""

from __future__ import annotations

from enum import Enum
from typing import Final, NewType

from circus_core.errors import LifecycleError

Wid = NewType("Wid", int)
"""The slot of a process in its watcher: from 1, the smallest free one, reused."""

ChildId = NewType("ChildId", int)
"""A Spawner's own number of a child: never reused, unlike a pid."""


class WatcherState(Enum):
    """Where a watcher is; the values are the words that ``status`` replies."""

    STOPPED = "stopped"
    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"


class ProcessState(Enum):
    """Where a process is, as its watcher sees it."""

    RUNNING = "running"
    STOPPING = "stopping"
    DEAD = "dead"


_S = WatcherState
WATCHER_MOVES: Final = {
    _S.STOPPED: {_S.STARTING},
    _S.STARTING: {_S.ACTIVE, _S.STOPPING},
    _S.ACTIVE: {_S.STOPPING},
    _S.STOPPING: {_S.STOPPED},
}

_P = ProcessState
PROCESS_MOVES: Final = {
    _P.RUNNING: {_P.STOPPING, _P.DEAD},
    _P.STOPPING: {_P.DEAD},
    _P.DEAD: set[ProcessState](),
}


def check_watcher_move(old: WatcherState, new: WatcherState) -> None:
    """Raise :class:`LifecycleError` unless a watcher may go from *old* to *new*."""
    if new not in WATCHER_MOVES[old]:
        raise LifecycleError(f"a watcher cannot go from {old.value} to {new.value}")


def check_process_move(old: ProcessState, new: ProcessState) -> None:
    """Raise :class:`LifecycleError` unless a process may go from *old* to *new*."""
    if new not in PROCESS_MOVES[old]:
        raise LifecycleError(f"a process cannot go from {old.value} to {new.value}")
