"""What is measured. Each metric runs one daemon once and returns its samples, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import growth
from benchmarks.busy import busy
from benchmarks.console import console
from benchmarks.control import increase, listing, restart, stop
from benchmarks.flood import crowd, flood, meanwhile
from benchmarks.peers import OURS, Circus, Peer
from benchmarks.sampling import all_figures, sampling
from benchmarks.supervision import (
    cold_start,
    mass_replacement,
    replacement,
    resident,
    status_round_trip,
    takeover,
    whole_status,
)

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Metric:
    """One thing to measure.

    :param rows: row name to unit; a row holds the samples of one figure, of which less is better
    :param applies: whether a peer can be measured
    :param most: repeats that are worth their time; the runner makes no more
    :param is_extra: left out unless it is named
    """

    name: str
    doc: str
    rows: dict[str, str]
    measure: Callable[[Peer], Samples]
    applies: Callable[[Peer], bool] = lambda peer: True
    most: int = 1000
    is_extra: bool = False


def _has(*names: str) -> Callable[[Peer], bool]:
    """Return whether a peer has methods of its own for all of this."""
    return lambda peer: all(getattr(type(peer), name) is not getattr(Peer, name) for name in names)


def _restarts(peer: Peer) -> bool:
    return _has("restarting")(peer) or _has("restart_command")(peer)


def _is_circus(peer: Peer) -> bool:
    return isinstance(peer, Circus)


def _is_ours(peer: Peer) -> bool:
    return peer.name in OURS


ALL = [
    *(
        Metric(
            f"cold-{count}",
            f"execution of the daemon to the last of {count} processes running",
            {f"cold start of {count}": "ms"},
            partial(cold_start, count),
        )
        for count in (1, 100, 1000)
    ),
    Metric(
        "replacement",
        "kill -9 of one of 40 processes to its replacement running",
        {"replacement, median": "ms", "replacement, p95": "ms"},
        replacement,
        lambda peer: peer.replaces,
    ),
    Metric(
        "mass",
        "kill -9 of 200 processes to the last replacement running",
        {"200 killed at once": "ms"},
        mass_replacement,
        lambda peer: peer.replaces,
    ),
    *(
        Metric(
            f"status-{count}",
            f"state of everything, asked on an open connection, with {count} processes",
            {f"status round trip, {count}": "ms"},
            partial(status_round_trip, count),
            _has("asking"),
        )
        for count in (1, 1000)
    ),
    Metric(
        "command",
        "the whole command that shows the state of everything, with 10 processes",
        {"status command": "ms"},
        whole_status,
        _has("status_command"),
    ),
    Metric(
        "resident",
        "memory (PSS) of the daemon's own processes with 1000, then their CPU time and wake-ups in 20 s, nobody asking",
        {"memory with 1000": "MiB", "idle CPU of 20 s": "ms", "idle wake-ups in 20 s": ""},
        resident,
        lambda peer: peer.replaces,
        most=2,
    ),
    Metric(
        "takeover",
        "kill -9 of the part of the daemon that thinks, with 1000 processes, to the first reply of the next one",
        {"take-over of 1000": "ms"},
        takeover,
        lambda peer: peer.name == "ours",
        most=2,
    ),
    Metric(
        "sampling",
        "CPU of circusd-stats with 1000 processes, once a second: without and with a subscriber that reads them all",
        {"sampling 1000, CPU a second": "ms", "no subscriber, CPU a second": "ms"},
        sampling,
        _is_circus,
        most=2,
    ),
    Metric(
        "console",
        "the page of a watcher of 1000 busy processes in Chromium, and circushttpd while it is looked at",
        {
            "console, answer": "ms",
            "console, first paint": "ms",
            "console, all rows": "ms",
            "console, longest task": "ms",
            "console, circushttpd CPU a second": "ms",
            "console, told a second": "KiB",
        },
        console,
        lambda peer: peer.name == OURS[0],
        is_extra=True,
    ),
    Metric(
        "stats-1000",
        "the figures of all processes of a watcher of 1000, asked on an open connection",
        {"stats of 1000": "ms"},
        all_figures,
        _is_circus,
        most=2,
    ),
    Metric(
        "list-1000",
        "the pids of a watcher of 1000, asked on an open connection",
        {"list of 1000": "ms"},
        listing,
        _has("listing"),
    ),
    Metric(
        "incr", "100 more processes, from the command to the last running", {"incr by 100": "ms"}, increase, _is_circus
    ),
    Metric(
        "restart",
        "restart of 100 processes, from the command to the last new one running",
        {"restart of 100": "ms"},
        restart,
        _restarts,
    ),
    Metric(
        "stop-1000",
        "the daemon is asked to end, until it and its 1000 processes did",
        {"stop of 1000 and exit": "ms"},
        stop,
        lambda peer: peer.replaces,
    ),
    Metric(
        "busy",
        "status round trips while 1000 processes start, are reloaded, die at once, stop",
        {f"status while 1000 {what}, p99": "ms" for what in ("start", "are reloaded", "die at once", "stop")},
        busy,
        _is_circus,
        most=2,
    ),
    *(
        Metric(
            name,
            f"256 MB of lines of 100 bytes from one process to a file, {how}",
            {row: "MB/s", f"{row}, CPU a GB": "s"},
            partial(flood, lines=lines, row=row),
            _has("configure_writer"),
        )
        for name, how, row, lines in (
            ("flood", "100 kB a write", "256 MB of output", 1000),
            ("flood-lines", "a line a write", "256 MB, a line a write", 1),
        )
    ),
    Metric(
        "crowd",
        "lines of twenty processes to one file, 12.8 MB each, 800 bytes a write, that are broken or missing",
        {"broken lines of 20 writers": "", "lost bytes": ""},
        crowd,
        _has("configure_writer"),
    ),
    Metric(
        "meanwhile",
        "state of everything, and kill -9 of one of 30 to its replacement running, while another process floods a file",
        {
            "status in a flood, median": "ms",
            "status in a flood, p99": "ms",
            "replacement in a flood, median": "ms",
            "replacement in a flood, p95": "ms",
        },
        meanwhile,
        _has("asking", "configure_writer"),
    ),
    *(
        Metric(
            f"growth-{count}",
            f"every figure of one daemon with {count} processes, for the plot",
            growth.rows(count),
            partial(growth.growth, count),
            _is_ours,
            is_extra=True,
        )
        for count in growth.COUNTS
    ),
]
