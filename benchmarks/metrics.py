"""What is measured. Each metric looks at one daemon once and returns its samples, row by row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from benchmarks import busy, console, control, flood, growth, sampling, supervision
from benchmarks.peers import OURS, Circus, Peer
from benchmarks.running import Plain, Running

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Metric:
    """One thing to measure.

    Those with an equal daemon share it, in their order here: what disturbs the next ones comes last.

    :param rows: row name to unit; a row holds the samples of one figure, of which less is better, except MB/s
    :param daemon: runs what is measured
    :param applies: whether a peer can be measured
    :param repeats: how often, unless the user says so
    :param is_extra: left out unless it is named
    """

    name: str
    doc: str
    rows: dict[str, str]
    daemon: Callable[[Peer], AbstractContextManager[Running]]
    measure: Callable[[Running], Samples]
    applies: Callable[[Peer], bool] = lambda peer: True
    repeats: int = 3
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
            Plain(count),
            supervision.cold_start,
            repeats=5,
        )
        for count in (1, 100, 1000)
    ),
    Metric(
        "cold-1000-libc",
        "the same with a program that loads the C library, as all do that people run",
        {"cold start of 1000 with libc": "ms"},
        Plain(1000, links=True),
        lambda run: {f"{row} with libc": took for row, took in supervision.cold_start(run).items()},
        repeats=5,
    ),
    Metric(
        "replacement",
        "kill -9 of one of 40 processes to its replacement running",
        {"replacement, median": "ms", "replacement, p95": "ms"},
        Plain(40),
        supervision.replacement,
        lambda peer: peer.replaces,
    ),
    Metric(
        "mass",
        "kill -9 of 200 processes to the last replacement running",
        {"200 killed at once": "ms"},
        Plain(200),
        supervision.mass_replacement,
        lambda peer: peer.replaces,
    ),
    Metric(
        "resident",
        "memory (PSS) of the daemon's own processes with 1000, then their CPU time and wake-ups in 20 s, nobody asking",
        {"memory with 1000": "MiB", "idle CPU of 20 s": "ms", "idle wake-ups in 20 s": ""},
        Plain(1000),
        supervision.resident,
        lambda peer: peer.replaces,
    ),
    *(
        Metric(
            f"status-{count}",
            f"state of everything, asked on an open connection, with {count} processes",
            {f"status round trip, {count}": "ms"},
            Plain(count),
            supervision.status_round_trip,
            _has("asking"),
        )
        for count in (1, 1000)
    ),
    Metric(
        "list-1000",
        "the pids of a watcher of 1000, asked on an open connection",
        {"list of 1000": "ms"},
        Plain(1000),
        control.listing,
        _has("listing"),
    ),
    Metric(
        "stats-1000",
        "the figures of all processes of a watcher of 1000, asked on an open connection",
        {"stats of 1000": "ms"},
        Plain(1000),
        sampling.all_figures,
        _is_circus,
    ),
    Metric(
        "stop-1000",
        "the daemon is asked to end, until it and its 1000 processes did",
        {"stop of 1000 and exit": "ms"},
        Plain(1000),
        control.stop,
        lambda peer: peer.replaces,
    ),
    Metric(
        "takeover",
        "kill -9 of the part of the daemon that thinks, with 1000 processes, to the first reply of the next one",
        {"take-over of 1000": "ms"},
        Plain(1000, "takeover"),
        supervision.takeover,
        lambda peer: peer.name == "ours",
    ),
    Metric(
        "restart",
        "restart of 100 processes, from the command to the last new one running",
        {"restart of 100": "ms"},
        Plain(100),
        control.restart,
        _restarts,
    ),
    Metric(
        "incr",
        "100 more processes, from the command to the last running",
        {"incr by 100": "ms"},
        Plain(100),
        control.increase,
        _is_circus,
    ),
    Metric(
        "command",
        "the whole command that shows the state of everything, with 10 processes",
        {"status command": "ms"},
        Plain(10),
        supervision.whole_status,
        _has("status_command"),
    ),
    Metric(
        "sampling",
        "CPU of circusd-stats with 1000 processes, once a second: without and with a subscriber that reads them all",
        {"sampling 1000, CPU a second": "ms", "no subscriber, CPU a second": "ms"},
        sampling.with_statistics,
        sampling.sampling,
        _is_circus,
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
        console.with_place_for_statistics,
        console.console,
        lambda peer: peer.name == OURS[0],
        is_extra=True,
    ),
    Metric(
        "busy",
        "status round trips while 1000 processes start, are reloaded, die at once, stop",
        {f"status while 1000 {what}, p99": "ms" for what in ("start", "are reloaded", "die at once", "stop")},
        busy.stopped,
        busy.busy,
        _is_circus,
    ),
    *(
        Metric(
            name,
            f"256 MB of lines of 100 bytes from one process to a file, {how}",
            {row: "MB/s", f"{row}, CPU a GB": "s"},
            daemon,
            partial(flood.flood, row=row),
            _has("configure_writer"),
        )
        for name, how, row, daemon in (
            ("flood", "100 kB a write", "256 MB of output", flood.in_blocks),
            ("flood-lines", "a line a write", "256 MB, a line a write", flood.in_lines),
        )
    ),
    Metric(
        "crowd",
        "lines of twenty processes to one file, 12.8 MB each, 800 bytes a write, that are broken or missing",
        {"broken lines of 20 writers": "", "lost bytes": ""},
        flood.by_twenty,
        flood.crowd,
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
        flood.for_ever,
        flood.meanwhile,
        _has("asking", "configure_writer"),
    ),
    *(
        Metric(
            f"growth-{count}",
            f"every figure of one daemon with {count} processes, for the plot",
            growth.rows(count),
            Plain(count, "growth"),
            growth.growth,
            _is_ours,
            is_extra=True,
        )
        for count in growth.COUNTS
    ),
]
