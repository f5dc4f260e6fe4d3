"""What an arbiter leaves to the next one: typed, checked, with a version."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum
from json.encoder import encode_basestring_ascii
from math import inf
from typing import Any, Final, TypeVar

from circus_core._typed_json import decoder, plain
from circus_core._views import Recovery, Upgrade
from circus_core.config import Config
from circus_core.errors import StateError
from circus_core.program import Program
from circus_core.quick_dataclass import dataclass
from circus_core.reconcile import Cause, Desired
from circus_core.states import ProcessState, WatcherState, Wid

VERSION: Final = 1
"""Raised when a version before this one could misread what this one writes."""

_COMPRESSED: Final = b"z"
_PLAIN: Final = b"j"
_BIG: Final = 8192  #: bytes from which on it is worth the time to compress

RecordT = TypeVar("RecordT")


class End(Enum):
    """Why an arbiter ends."""

    QUIT = "quit"
    RESTART = "restart"
    REPLACED = "replaced"  # another one serves in its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What the Spawner keeps with a process: whose it is, from its spawn on.

    :param watcher: name, for people
    :param key: of the watcher
    :param expires_at: reading at which ``max_age`` ends it
    """

    watcher: str
    key: int
    wid: Wid
    generation: int
    expires_at: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """A process that is no longer as it was spawned."""

    state: ProcessState
    generation: int
    cause: Cause
    kill_at: float
    is_doomed: bool
    stop_signal: int | None
    graceful_timeout: float | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherRecord:
    """A watcher: what is desired of it, what is observed; readings are of ``time.monotonic()``.

    :param is_leaving: it was removed
    :param is_abandoned: it was removed, and its processes are left alone
    :param processes: child to what its label cannot tell
    """

    name: str
    desired: Desired
    state: WatcherState
    run: int
    generation: int
    has_failed: bool
    finished: int
    spawned_at: float
    demand_at: float
    since: float
    restarts: int
    last_life: float
    is_leaving: bool = False
    is_abandoned: bool = False
    reason: str | None = None
    last_error: str | None = None
    reload_error: str | None = None
    last_exit: Mapping[str, Any] | None = None
    not_before: Mapping[Wid, float] = field(default_factory=dict)
    deaths: Mapping[Wid, int] = field(default_factory=dict)
    failures: Mapping[Wid, int] = field(default_factory=dict)
    processes: Mapping[int, ProcessRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadRecord:
    """A reload of several watchers, one after the other.

    :param left: keys of those that have not had their turn
    """

    left: tuple[int, ...]
    graceful: bool
    sequential: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterRecord:
    """The arbiter itself.

    :param order: keys of the watchers, as they are listed
    """

    order: tuple[int, ...] = ()
    end: End | None = None
    reloads: tuple[ReloadRecord, ...] = ()
    recovery: Recovery = field(default_factory=Recovery)
    keeper_replacements: Recovery = field(default_factory=Recovery)
    program: Program = field(default_factory=Program)
    upgrade: Upgrade = field(default_factory=Upgrade)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message that no arbiter has answered, though it may have done what it asks.

    :param route: the frames that its reply starts with, as hexadecimal digits
    """

    route: tuple[str, ...]
    id: Any
    command: str
    properties: Any
    is_cast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What an arbiter leaves that another one replaces.

    :param asked_by: the id of the message that asked for it
    """

    messages: tuple[HeldMessage, ...]
    asked_by: str


def dump(record: Any) -> bytes:
    """Return *record* as bytes."""
    data = {"version": VERSION, "type": type(record).__name__, "data": record}
    text = json.dumps(data, default=plain, separators=(",", ":")).encode()
    return _COMPRESSED + zlib.compress(text, 1) if len(text) > _BIG else _PLAIN + text


def load(cls: type[RecordT], blob: bytes, where: str) -> RecordT:
    """Return the record of that class in *blob*.

    :param where: what it is stored under, for messages
    :raises StateError: it is no such record
    """
    try:
        text = zlib.decompress(blob[1:]) if blob[:1] == _COMPRESSED else blob[1:]
        data = json.loads(text)
        version, kind, content = data["version"], data["type"], data["data"]
    except (ValueError, KeyError, TypeError, zlib.error) as exc:
        raise StateError(f"{where}: no state of an arbiter ({exc})") from exc
    if version != VERSION:
        raise StateError(f"{where}: state of version {version}; this circus reads version {VERSION}")
    if kind != cls.__name__:
        raise StateError(f"{where}: a {kind}, not a {cls.__name__}")
    hint: Any = cls
    record: RecordT = decoder(hint)(content, where)
    return record


def dump_label(label: Label) -> str:
    """Return *label* as text."""
    # Thousands are written at once.
    name = encode_basestring_ascii(label.watcher)
    end = "Infinity" if label.expires_at == inf else repr(label.expires_at)
    return (
        f'{{"watcher":{name},"key":{label.key},"wid":{label.wid},"generation":{label.generation},"expires_at":{end}}}'
    )


def load_label(text: str) -> Label:
    """Return the label in *text*.

    :raises StateError: it is none
    """
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise StateError(f"label {text!r:.60}: {exc}") from exc
    hint: Any = Label
    label: Label = decoder(hint)(data, "label")
    return label


def dump_config(config: Config) -> bytes:
    """Return *config* as bytes; what it tells of the text of its file is left out."""
    return dump(replace(config, warnings=(), where={}))
