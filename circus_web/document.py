"""What a page shows of a live system, with versions: a browser that has one gets what changed since."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from circus_core.quick_dataclass import dataclass

_MAX_GONE: Final = 2000
_MAX_LINES: Final = 2000

Message = dict[str, Any]
"""A change, as it is sent: ``v`` the version that it leads to, ``rows`` (region, id, HTML), ``gone`` ids, ``cells``
(id to name to text), ``html`` (region to HTML), ``points`` (chart to numbers), ``lines`` (anything, in order);
``whole`` when it holds all there is."""


@dataclass(slots=True)
class _Row:
    region: str
    key: object
    html: str
    version: int
    cells: dict[str, str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


class Document:
    """Rows of HTML with cells of text, and whole regions of HTML. For one thread.

    A row or region is made anew only when its key changes; cells are compared one by one.
    """

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._is_dirty = False
        self._rows: dict[str, _Row] = {}
        self._regions: dict[str, _Row] = {}
        self._gone: dict[str, int] = {}
        self._gone_before = 0
        self._points: dict[str, tuple[int, list[float | None]]] = {}
        self._lines: deque[tuple[int, Any]] = deque(maxlen=_MAX_LINES)

    @property
    def version(self) -> str:
        """The version of now; asking for it begins the next one."""
        return f"{self._epoch}.{self._close()}"

    def put_row(self, region: str, row_id: str, key: object, render: Callable[[], str]) -> None:
        """Let there be a row in *region*; *render* makes its HTML, with the cells of now, when *key* is new."""
        row = self._rows.get(row_id)
        if row is None or row.key != key or row.region != region:
            cells = row.cells if row else {}
            self._rows[row_id] = _Row(region, key, render(), self._next(), cells)
            self._gone.pop(row_id, None)

    def put_cells(self, row_id: str, cells: Mapping[str, str]) -> None:
        """Let cells have these texts; *row_id* is a row's, or that of a place on the page."""
        row = self._rows.get(row_id) or self._regions.get(row_id)
        if row is None:
            row = self._regions[row_id] = _Row("", None, "", 0)
        for name, text in cells.items():
            if row.cells.get(name) != text:
                row.cells[name] = text
                row.changed[name] = self._next()

    def put_html(self, region: str, key: object, render: Callable[[], str]) -> None:
        """Let *region* hold the HTML that *render* makes when *key* is new."""
        row = self._regions.get(region)
        if row is None or row.key != key:
            html = render()
            if row is None or row.html != html:
                self._regions[region] = _Row(region, key, html, self._next(), row.cells if row else {})
            else:
                row.key = key

    def regions(self) -> dict[str, str]:
        """Return the HTML of each region."""
        return {row.region: row.html for row in self._regions.values() if row.region}

    def put_points(self, chart: str, points: list[float | None]) -> None:
        """Let *chart* go on with *points*; they are told once."""
        self._points[chart] = (self._next(), points)

    def add_lines(self, lines: Iterable[Any]) -> None:
        """Append *lines*; the newest two thousand are kept."""
        self._lines.extend((self._next(), line) for line in lines)

    def lines(self) -> list[Any]:
        """Return the lines that are kept."""
        return [line for _, line in self._lines]

    def keep_rows(self, row_ids: Iterable[str]) -> None:
        """Drop the rows that are not in *row_ids*."""
        for row_id in self._rows.keys() - set(row_ids):
            del self._rows[row_id]
            self._gone[row_id] = self._next()
        while len(self._gone) > _MAX_GONE:
            self._gone_before = self._gone.pop(next(iter(self._gone)))

    def changes(self, since: str = "") -> Message | None:
        """Return what changed since the version *since*, all for an unknown one; ``None`` when nothing did."""
        start = self._start(since)
        message: Message = {} if start >= 0 else {"whole": True}
        start = max(start, 0)
        parts = {
            "rows": [[row.region, row_id, row.html] for row_id, row in self._rows.items() if row.version > start],
            "gone": [row_id for row_id, version in self._gone.items() if version > start],
            "html": {row.region: row.html for row in self._regions.values() if row.region and row.version > start},
            "cells": self._changed_cells(start),
            "lines": [line for version, line in self._lines if version > start],
            "points": {chart: points for chart, (version, points) in self._points.items() if version > start},
        }
        if message:
            parts["gone"] = []
        message.update({name: part for name, part in parts.items() if part})
        return {"v": self.version, **message} if message else None

    def _changed_cells(self, start: int) -> dict[str, dict[str, str]]:
        found = {}
        for row_id, row in [*self._rows.items(), *self._regions.items()]:
            cells = {name: row.cells[name] for name, version in row.changed.items() if version > start}
            if cells:
                found[row_id] = cells
        return found

    def _start(self, since: str) -> int:
        """Return the number of the version *since*, -1 when it has to be followed by everything."""
        epoch, _, number = since.partition(".")
        if epoch != self._epoch or not number.isdigit() or int(number) < self._gone_before:
            return -1
        return int(number)

    def _next(self) -> int:
        """Return the version that takes a change: one higher than what anybody was told."""
        self._is_dirty = True
        return self._number + 1

    def _close(self) -> int:
        if self._is_dirty:
            self._number += 1
            self._is_dirty = False
        return self._number
