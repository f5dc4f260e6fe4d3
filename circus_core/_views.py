"""What commands and hookimpls are told: frozen facts, as they were when they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, NamedTuple

from circus_core.program import Program
from circus_core.quick_dataclass import dataclass
from circus_core.states import ProcessState, WatcherState, Wid


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines that one process wrote.

    :param data: the bytes; end with a newline unless the process ended or stalled in the middle of a line
    :param name: ``stdout`` or ``stderr``
    :param time: Unix time at which they were read
    """

    data: bytes
    pid: int
    name: str
    watcher: str
    wid: int
    time: float


@dataclass(frozen=True, slots=True)
class OutputSource:
    """Whose output is wanted: that of a whole watcher, of one of its slots or of one process."""

    watcher: str
    wid: int | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPage:
    """Some of what processes printed, oldest first.

    :param cursor: stands for the end of it; gives what comes later
    :param gaps: (watcher, wid) of which more had come than is kept, so that some is missing before or in it
    """

    chunks: tuple[Chunk, ...]
    cursor: str
    gaps: tuple[tuple[str, int], ...] = ()


class ProcessView(NamedTuple):
    """A process of a watcher at one moment.

    :param started: Unix time of its start
    """

    wid: Wid
    pid: int
    started: float
    state: ProcessState


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change came to, pids sorted.

    :param superseded_by: name of a later command that overtook this one, ``None`` when it took effect itself
    """

    started: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    stopped: tuple[int, ...] = ()
    superseded_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherReport:
    """Why a watcher is where it is, for ``status --long``.

    :param since: Unix time of the last change of state
    :param reason: why it stopped when nobody asked for it
    :param last_exit: ``{"pid", "wid", "exit_code", "time"}`` of the process that ended last
    :param retries: failed tries in a row, of the worst slot
    :param next_try: Unix time before which a paced slot is not filled
    :param output_lost: bytes that its processes printed and that no stream took
    :param output_errors: ``stdout`` or ``stderr`` to the reason why its stream fails now
    """

    state: WatcherState
    since: float
    numprocesses: int
    processes: int
    reason: str | None = None
    last_exit: Mapping[str, Any] | None = None
    last_error: str | None = None
    retries: int = 0
    next_try: float | None = None
    restarts: int = 0
    output_lost: int = 0
    output_errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How often an arbiter took over from one that died, or a keeper was replaced.

    :param time: Unix time of the last one
    :param reason: how the one before ended
    """

    count: int = 0
    time: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """How often another arbiter was put in the place of one that lives.

    :param time: Unix time of the last one
    :param previous: what was there before it
    """

    count: int = 0
    time: float | None = None
    previous: Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketView:
    """A managed socket; *fd* is its number in every child."""

    fd: int
    name: str
    backlog: int
    host: str | None = None
    port: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionInfo:
    """One extension that is installed.

    :param state: ``loaded``, ``available``, ``broken`` or ``disabled``
    :param error: why it is broken
    """

    group: str
    name: str
    distribution: str
    version: str
    state: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStep:
    """What a new configuration does to one watcher or socket.

    :param what: ``watcher:NAME`` or ``socket:NAME``
    :param action: ``keep``, ``change`` (hot), ``restart``, ``add`` or ``remove``
    :param options: the options that differ
    :param pids: processes that it costs
    """

    what: str
    action: str
    options: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadPlan:
    """All that ``reloadconfig`` would do; *restarts_daemon* names the ``[circus]`` options that need it."""

    steps: tuple[ReloadStep, ...] = field(default=())
    restarts_daemon: tuple[str, ...] = ()
