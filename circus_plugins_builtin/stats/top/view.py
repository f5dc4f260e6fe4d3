"""What the person at the terminal chose to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from circus_core.quick_dataclass import dataclass

SORT_KEYS: Final[Mapping[str, str]] = {"n": "name", "c": "cpu", "m": "mem", "a": "age", "r": "restarts"}
LIMITS: Final = (3, 10, 30, 100, 1_000_000)
"""How many processes of a watcher may be shown; the last is all."""

RowKey = tuple[str, ...]
"""Endpoint, topic of a watcher, and the pid of one of its processes."""


@dataclass(slots=True)
class View:
    """The state that keys change.

    :param filter: only watchers and processes that have this in their names
    :param flipped: watchers that are folded, or unfolded when all are folded
    :param cursor: the row that the cursor is on
    :param rows: the rows that were shown last, in order
    """

    sort: str = "name"
    is_reversed: bool = False
    filter: str = ""
    is_typing: bool = False
    is_folded: bool = False
    flipped: set[RowKey] = field(default_factory=set)
    limit: int = 10
    cursor: RowKey | None = None
    offset: int = 0
    page: int = 10
    is_paused: bool = False
    shows_help: bool = False
    is_over: bool = False
    rows: list[RowKey] = field(default_factory=list)

    def press(self, key: str) -> None:
        """Take a key: a character, or the name of another key, such as ``up`` or ``escape``."""
        if self.is_typing:
            self._type(key)
        elif self.shows_help:
            self.shows_help = False
        elif key in SORT_KEYS:
            self._sort_by(SORT_KEYS[key])
        elif key in _ACTIONS:
            _ACTIONS[key](self)

    def is_open(self, watcher: RowKey) -> bool:
        """Tell if the processes of a watcher are shown."""
        return self.is_folded == (watcher in self.flipped)

    def wants(self, *texts: str) -> bool:
        """Tell if one of *texts* passes the filter."""
        return any(self.filter.lower() in text.lower() for text in texts)

    def _type(self, key: str) -> None:
        if key == "escape":
            self.filter, self.is_typing = "", False
        elif key == "enter":
            self.is_typing = False
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1:
            self.filter += key

    def _sort_by(self, name: str) -> None:
        self.is_reversed = not self.is_reversed if self.sort == name else False
        self.sort = name

    def _move(self, by: int) -> None:
        if not self.rows:
            return
        at = self.rows.index(self.cursor) if self.cursor in self.rows else (0 if by > 0 else len(self.rows)) - 1
        self.cursor = self.rows[max(0, min(len(self.rows) - 1, at + by))]

    def _fold(self, is_open: bool | None = None) -> None:
        if self.cursor is None:
            return
        watcher = self.cursor[:2]
        if is_open is None or self.is_open(watcher) != is_open:
            self.flipped ^= {watcher}
            self.cursor = watcher

    def _fold_all(self) -> None:
        self.is_folded = not self.is_folded
        self.flipped.clear()
        if self.cursor is not None:
            self.cursor = self.cursor[:2]

    def _limit(self, by: int) -> None:
        self.limit = LIMITS[max(0, min(len(LIMITS) - 1, LIMITS.index(self.limit) + by))]

    def _escape(self) -> None:
        self.filter, self.cursor = "", None

    def _end(self) -> None:
        self.is_over = True

    def _help(self) -> None:
        self.shows_help = True

    def _pause(self) -> None:
        self.is_paused = not self.is_paused

    def _begin_filter(self) -> None:
        self.is_typing = True


_ACTIONS: Final[Mapping[str, Callable[[View], None]]] = {
    "q": View._end,
    "?": View._help,
    "h": View._help,
    "/": View._begin_filter,
    "escape": View._escape,
    "p": View._pause,
    "f": View._fold_all,
    " ": View._fold,
    "enter": View._fold,
    "left": lambda view: view._fold(False),
    "right": lambda view: view._fold(True),
    "up": lambda view: view._move(-1),
    "k": lambda view: view._move(-1),
    "down": lambda view: view._move(1),
    "j": lambda view: view._move(1),
    "page up": lambda view: view._move(-view.page),
    "page down": lambda view: view._move(view.page),
    "home": lambda view: view._move(-len(view.rows)),
    "end": lambda view: view._move(len(view.rows)),
    "+": lambda view: view._limit(1),
    "-": lambda view: view._limit(-1),
}

HELP: Final = (
    ("arrows, j k", "move; page up, page down, home and end too"),
    ("enter, space", "fold or unfold the watcher; left folds, right unfolds"),
    ("f", "fold or unfold all watchers"),
    ("+ -", "show more or fewer processes of each watcher"),
    ("n c m a r", "sort by name, CPU, memory, age, restarts; again: reversed"),
    ("/", "show only what has a text in its name; escape ends it"),
    ("p", "stand still, or go on"),
    ("? h", "show this"),
    ("q", "leave"),
)
