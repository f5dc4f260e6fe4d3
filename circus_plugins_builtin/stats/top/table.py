"""The table of watchers, processes and sockets as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from circus_core.procinfo import human_size
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.stats.top.board import DAEMON, Board, Entry, Group
from circus_plugins_builtin.stats.top.sparkline import step
from circus_plugins_builtin.stats.top.text import Line, Span, Style, age, columns, count, fit, line, number
from circus_plugins_builtin.stats.top.view import RowKey, View

_FIXED: Final = (8, -6, -6, -8, -8, -5)
_TITLES: Final = ("STATE", "CPU%", "MEM%", "RSS", "AGE", "REST")
_SORTED_BY: Final = {"cpu": 1, "mem": 2, "age": 4, "restarts": 5}
_SOCKET_FIXED: Final = (-6, -11, -8, -6)
_SOCKET_TITLES: Final = ("HITS", "QUEUE", "ACCEPT/s", "OPEN")
_WIDE: Final = 120
_STATES: Final = {
    "active": Style.GOOD,
    "running": Style.PLAIN,
    "stopped": Style.BAD,
    "starting": Style.ODD,
    "stopping": Style.ODD,
}
_UNITS: Final[Mapping[str, int]] = {unit: 1024**power for power, unit in enumerate("BKMGTPEZY")}
_LEAST_PEAKS: Final = {"cpu": 10.0, "mem": 5.0, "socket": 10.0}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; *key* is what the cursor calls it, ``None`` where it does not stop."""

    line: Line
    key: RowKey | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide the columns are on a terminal of some width."""

    width: int
    is_ascii: bool = False
    has_graphs: bool = True

    @property
    def graph(self) -> int:
        """Columns of the graph of CPU, or of a socket."""
        if not self.has_graphs:
            return 0
        return 30 if self.width >= _WIDE else max(0, min(12, self.width - 68))

    @property
    def mem_graph(self) -> int:
        """Columns of the graph of memory; only a wide terminal has it."""
        return 30 if self.width >= _WIDE and self.has_graphs else 0

    @property
    def name(self) -> int:
        """Columns of names."""
        return self._rest(_FIXED, [self.graph, self.mem_graph])

    @property
    def address(self) -> int:
        """Columns of addresses of sockets."""
        return self._rest(_SOCKET_FIXED, [self.graph])

    def _rest(self, fixed: Sequence[int], graphs: Sequence[int]) -> int:
        taken = sum(abs(width) + 1 for width in fixed) + sum(width + 1 for width in graphs if width)
        return max(8, self.width - taken)


def header(shape: Shape, view: View) -> Line:
    """Return the line above the table."""
    titles = list(_TITLES)
    mark = ("v", "^") if shape.is_ascii else ("▼", "▲")
    if view.sort in _SORTED_BY:
        at = _SORTED_BY[view.sort]
        titles[at] += mark[view.is_reversed]
    name = "WATCHER" + (mark[not view.is_reversed] if view.sort == "name" else "")
    text = f"{fit(name, shape.name - 5)} PROC {columns(titles, _FIXED)}"
    if shape.graph:
        text += " " + fit(f"CPU {_minutes(shape.graph)}", shape.graph)
    if shape.mem_graph:
        text += " " + fit(f"MEMORY {_minutes(shape.mem_graph)}", shape.mem_graph)
    return line(Span(fit(text, shape.width), Style.HEAD))


def rows(boards: Sequence[Board], view: View, shape: Shape, now: float) -> Iterator[Row]:
    """Yield all lines of the table, from top to bottom."""
    for board in boards:
        if len(boards) > 1:
            style = Style.ODD if board.is_silent(now) else Style.BOLD
            yield Row(line(Span(fit(f"{board.endpoint}  {summary(board, now)}", shape.width), style)))
        if board.is_silent(now):
            continue
        groups = [group for group in board.groups(now) if _is_wanted(group, view)]
        for group in _sorted_groups(groups, view):
            yield from _group_rows(board, group, view, shape, now)
        yield from _socket_rows(board, view, shape, now)


def summary(board: Board, now: float) -> str:
    """Return all of a daemon in one line."""
    if board.is_silent(now):
        return waiting(board, now)
    groups = board.groups(now)
    watchers = [group for group in groups if group.topic != DAEMON]
    stopped = sum(group.state == "stopped" for group in watchers)
    cpu, mem = (sum(group.total(name) for group in groups) for name in ("cpu", "mem"))
    queued = sum(entry.number("queue") for entry in board.sockets.values())
    parts = [
        f"watchers {len(watchers)}" + (f" ({stopped} stopped)" if stopped else ""),
        f"processes {sum(len(group.entries) for group in watchers)}",
        f"CPU {cpu:.1f}%",
        f"mem {mem:.1f}%",
        *([f"sockets {len(board.sockets)} ({queued:.0f} queued)"] if board.sockets else []),
    ]
    return "  ".join(parts)


def waiting(board: Board, now: float) -> str:
    """Return what to say of a daemon of which there is no news."""
    if board.heard_at is None:
        return "*** Waiting for data *** is circusd up, with statsd = True?"
    return f"*** Waiting for data *** no news for {age(now - board.heard_at)}"


def _is_wanted(group: Group, view: View) -> bool:
    names = [str(entry.stat.get("name") or entry.stat.get("cmdline", "")) for entry in group.entries.values()]
    return view.wants(group.name, *names, *group.entries)


def _sorted_groups(groups: Sequence[Group], view: View) -> list[Group]:
    if view.sort == "name":
        ordered = sorted(groups, key=lambda group: group.topic, reverse=view.is_reversed)
    else:
        ordered = sorted(groups, key=lambda group: group.number(view.sort), reverse=not view.is_reversed)
    # What the daemon itself takes is no watcher: it stays at the end.
    return sorted(ordered, key=lambda group: group.topic == DAEMON)


def _sorted_entries(group: Group, view: View) -> list[Entry]:
    by = view.sort if view.sort in ("mem", "age") else "cpu"
    is_descending = view.sort == "name" or not view.is_reversed
    ordered = sorted(group.entries.values(), key=lambda entry: int(entry.key) if entry.key.isdecimal() else 0)
    return sorted(ordered, key=lambda entry: entry.number(by), reverse=is_descending)


def _group_rows(board: Board, group: Group, view: View, shape: Shape, now: float) -> Iterator[Row]:
    key = (board.endpoint, group.topic)
    is_open = view.is_open(key)
    yield Row(_group_line(group, is_open, shape, now, is_chosen=view.cursor == key), key)
    if not is_open:
        return
    entries = _sorted_entries(group, view)
    for entry in entries[: view.limit]:
        process = (*key, entry.key)
        yield Row(_process_line(entry, shape, is_chosen=view.cursor == process), process)
    if len(entries) > view.limit:
        yield Row(line(Span(f"    {len(entries) - view.limit} more; + shows more", Style.DIM)))


def _group_line(group: Group, is_open: bool, shape: Shape, now: float, *, is_chosen: bool) -> Line:
    mark = ("+", "-")[is_open] if shape.is_ascii else ("▸", "▾")[is_open]
    mark = mark if group.entries else " "
    size = f"{len(group.entries)}"
    if isinstance(wanted := group.stat.get("numprocesses"), int) and wanted != len(group.entries):
        size += f"/{wanted}"
    name = fit(f"{mark} {group.name}", shape.name - len(size) - 1)
    values = [
        number(group.total("cpu")),
        number(group.total("mem"), 2),
        human_size(sum(_bytes(entry) for entry in group.entries.values())),
        age(group.oldest()),
    ]
    if not group.entries:
        values = ["-"] * len(values)
    values.append(count(group.stat.get("restarts")))
    spans = [
        Span(f"{name} {size} ", Style.BOLD),
        Span(fit(group.state, _FIXED[0]), _STATES.get(group.state, Style.PLAIN)),
        Span(f" {columns(values, _FIXED[1:])}", Style.BOLD),
    ]
    for width, past, peak in ((shape.graph, group.cpu, "cpu"), (shape.mem_graph, group.mem, "mem")):
        if width:
            text = past.sparkline(now, width, least_peak=_LEAST_PEAKS[peak], is_ascii=shape.is_ascii)
            spans.append(Span(f" {text}", Style.GRAPH))
    return line(*spans, is_chosen=is_chosen)


def _process_line(entry: Entry, shape: Shape, *, is_chosen: bool) -> Line:
    stat = entry.stat
    label = str(stat.get("name") or stat.get("cmdline", ""))
    wid = f" #{stat['wid']}" if "wid" in stat else ""
    state = str(stat.get("state", ""))
    if stat.get("nice") == "Zombie":
        state = "zombie"
    values = (
        number(stat.get("cpu")),
        number(stat.get("mem"), 2),
        _as_text(stat.get("mem_info1")),
        age(entry.number("age")),
        "",
    )
    style = Style.ODD if state in ("stopping", "zombie") else Style.PLAIN
    return line(
        Span(fit(f"    {entry.key}{wid} {label}", shape.name) + " "),
        Span(fit(state, _FIXED[0]), style),
        Span(f" {columns(values, _FIXED[1:])}"),
        is_chosen=is_chosen,
    )


def _socket_rows(board: Board, view: View, shape: Shape, now: float) -> Iterator[Row]:
    found = [entry for entry in board.sockets.values() if view.wants(_socket_name(entry))]
    if not found:
        return
    title = f"{fit('SOCKET', shape.address)} {columns(_SOCKET_TITLES, _SOCKET_FIXED)}"
    if shape.graph:
        title += " " + fit(f"ACCEPT {_minutes(shape.graph)}", shape.graph)
    yield Row(line(Span(fit(title, shape.width), Style.HEAD)))
    for entry in sorted(found, key=_socket_name):
        stat = entry.stat
        queue = f"{count(stat.get('queue'))}/{count(stat.get('backlog'))}" if "queue" in stat else "-"
        values = (count(stat.get("reads")), queue, number(stat.get("accepted")), count(stat.get("connections")))
        graph = board.socket_history[entry.key].sparkline(
            now, shape.graph, least_peak=_LEAST_PEAKS["socket"], is_ascii=shape.is_ascii
        )
        is_full = 0 < entry.number("backlog") <= entry.number("queue")
        yield Row(
            line(
                Span(fit(_socket_name(entry), shape.address) + " "),
                Span(columns(values, _SOCKET_FIXED) + " ", Style.BAD if is_full else Style.PLAIN),
                Span(graph, Style.GRAPH),
            )
        )


def _socket_name(entry: Entry) -> str:
    return f"{entry.stat.get('name', '')} {entry.stat.get('address', '')}".strip()


def _minutes(width: int) -> str:
    return f"{step(width) * width / 60:.0f} min"


def _bytes(entry: Entry) -> int:
    text = str(entry.stat.get("mem_info1", ""))
    try:
        return int(float(text[:-1]) * _UNITS[text[-1:]])
    except (ValueError, KeyError):
        return 0


def _as_text(value: object) -> str:
    return "-" if value in (None, "N/A") else str(value)
