"""Text that is HTML, told apart from text that is not."""

from __future__ import annotations

from bottle import html_escape


class Html(str):
    """Text that is HTML already; any other text is escaped where it is shown."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """Return *value* as HTML that shows it, or as it is when it is HTML already."""
    return value if isinstance(value, Html) else Html(html_escape("" if value is None else str(value)))
