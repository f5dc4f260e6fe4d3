"""The terminal: draws lines, reads keys."""

from __future__ import annotations

import curses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from circus_plugins_builtin.stats.top.text import Line, Style

_KEYS: Final = {
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_LEFT: "left",
    curses.KEY_RIGHT: "right",
    curses.KEY_PPAGE: "page up",
    curses.KEY_NPAGE: "page down",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
    curses.KEY_BACKSPACE: "backspace",
    curses.KEY_ENTER: "enter",
}
_CHARACTERS: Final = {"\n": "enter", "\r": "enter", "\x1b": "escape", "\x7f": "backspace", "\b": "backspace"}
_COLOURS: Final = {
    Style.TITLE: curses.COLOR_CYAN,
    Style.GOOD: curses.COLOR_GREEN,
    Style.ODD: curses.COLOR_YELLOW,
    Style.BAD: curses.COLOR_RED,
    Style.GRAPH: curses.COLOR_CYAN,
}


class Screen:
    """A terminal that is ours until :func:`opened` ends."""

    def __init__(self, window: curses.window) -> None:
        self._window = window
        window.nodelay(True)
        window.keypad(True)
        self._attributes = {Style.HEAD: curses.A_REVERSE, Style.BOLD: curses.A_BOLD, Style.DIM: curses.A_DIM}
        if curses.has_colors() and not os.environ.get("NO_COLOR"):
            curses.start_color()
            curses.use_default_colors()
            for number, (style, colour) in enumerate(_COLOURS.items(), start=1):
                curses.init_pair(number, colour, -1)
                self._attributes[style] = curses.color_pair(number)
        for style in (Style.TITLE, Style.BAD):
            self._attributes[style] = self._attributes.get(style, 0) | curses.A_BOLD

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in characters."""
        height, width = self._window.getmaxyx()
        return width, height

    def draw(self, lines: Sequence[Line]) -> None:
        """Show *lines*; only what differs from before is sent to the terminal."""
        self._window.erase()
        width, height = self.size
        for y, line in enumerate(lines[:height]):
            x = 0
            for span in line.spans:
                attribute = self._attributes.get(span.style, 0) | (curses.A_REVERSE if line.is_chosen else 0)
                try:
                    self._window.addstr(y, x, span.text, attribute)
                except curses.error:  # the last cell of the screen cannot be written without scrolling
                    break
                x = self._window.getyx()[1]
                if x >= width:
                    break
        self._window.refresh()

    def keys(self) -> Iterator[str]:
        """Yield the keys that were pressed."""
        while True:
            try:
                key = self._window.get_wch()
            except curses.error:
                return
            if isinstance(key, int):
                if key == curses.KEY_RESIZE:
                    yield "resize"
                elif key in _KEYS:
                    yield _KEYS[key]
            elif key in _CHARACTERS:
                yield _CHARACTERS[key]
            elif key.isprintable():
                yield key


@contextmanager
def opened() -> Iterator[Screen]:
    """Take the terminal, and give it back as it was.

    :raises curses.error: there is none, or one that nobody knows
    """
    curses.setupterm()
    window = curses.initscr()
    try:
        curses.set_escdelay(25)
        curses.noecho()
        curses.cbreak()
        try:
            curses.curs_set(0)
        except curses.error:
            pass  # a terminal whose cursor stays
        yield Screen(window)
    finally:
        window.keypad(False)
        curses.nocbreak()
        curses.echo()
        curses.endwin()
