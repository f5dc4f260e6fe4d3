"""One screen of ``circus-top``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from circus_plugins_builtin.stats.top.board import Board
from circus_plugins_builtin.stats.top.table import Row, Shape, header, rows, summary
from circus_plugins_builtin.stats.top.text import Line, Span, Style, cells, fit, line
from circus_plugins_builtin.stats.top.view import HELP, View

_TITLE: Final = "Circus Top"
_KEYS: Final = (
    ("q", "leave"),
    ("?", "help"),
    ("/", "filter"),
    ("n c m a r", "sort"),
    ("enter", "fold"),
    ("f", "fold all"),
    ("+ -", "more, fewer"),
    ("p", "pause"),
)


def frame(
    boards: Sequence[Board], view: View, *, width: int, height: int, now: float, is_ascii: bool = False
) -> list[Line]:
    """Return *height* lines, none wider than *width*; moves the part of the table that *view* shows to its cursor."""
    shape = Shape(width, is_ascii)
    top = [*_title(boards, view, width, now), header(shape, view)]
    if view.shows_help:
        body = [line(Span(f"  {fit(keys, 14)}", Style.BOLD), Span(fit(what, width - 16))) for keys, what in HELP]
        below = 0
    else:
        table = list(rows(boards, view, shape, now))
        view.rows = [row.key for row in table if row.key is not None]
        view.page = max(1, height - len(top) - 1)
        _scroll(view, table)
        body = [row.line for row in table[view.offset : view.offset + view.page]]
        below = len(table) - view.offset - len(body)
    lines = [*top, *body][: height - 1]
    lines += [line()] * (height - 1 - len(lines))
    return [*lines, _footer(view, width, f"{below} below {'v' if is_ascii else '▼'}" if below > 0 else "")]


def plain(boards: Sequence[Board], *, width: int, now: float, is_ascii: bool = False) -> list[str]:
    """Return everything as lines of text, once."""
    view, shape = View(limit=1_000_000), Shape(width, is_ascii, has_graphs=False)
    first = [line(f"{boards[0].endpoint}  {summary(boards[0], now)}")] if len(boards) == 1 else []
    return [str(each) for each in (*first, header(shape, view), *(row.line for row in rows(boards, view, shape, now)))]


def _title(boards: Sequence[Board], view: View, width: int, now: float) -> list[Line]:
    clock = time.strftime("%H:%M:%S")
    where = boards[0].endpoint if len(boards) == 1 else f"{len(boards)} endpoints"
    left = f"{_TITLE}  {where}" + ("  PAUSED" if view.is_paused else "")
    title = line(Span(f"{fit(left, width - len(clock) - 1)} {clock}", Style.TITLE))
    if len(boards) > 1:
        return [title]
    style = Style.ODD if boards[0].is_silent(now) else Style.PLAIN
    return [title, line(Span(fit(summary(boards[0], now), width), style))]


def _footer(view: View, width: int, below: str) -> Line:
    if view.is_typing:
        return line(Span(fit(f"show only: {view.filter}_", width), Style.BOLD))
    spans: list[Span] = []
    left = max(0, width - len(below))
    if view.filter:
        spans.append(Span(fit(f"only {view.filter!r} (escape shows all)  ", min(left, 36)), Style.ODD))
        left -= cells(spans[-1].text)
    for key, what in _KEYS:
        size = len(key) + len(what) + 3
        if size > left:
            break
        spans += [Span(key, Style.BOLD), Span(f" {what}  ", Style.DIM)]
        left -= size
    return line(*spans, Span(fit(below, left + len(below), align=">"), Style.ODD))


def _scroll(view: View, table: Sequence[Row]) -> None:
    at = next((number for number, row in enumerate(table) if row.key is not None and row.key == view.cursor), None)
    if at is None:
        view.offset = 0 if view.cursor is None else view.offset
    elif at < view.offset:
        view.offset = at
    elif at >= view.offset + view.page:
        view.offset = at - view.page + 1
    view.offset = max(0, min(view.offset, len(table) - view.page))
