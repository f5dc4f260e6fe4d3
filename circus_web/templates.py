"""Templates to HTML, where everything is escaped that does not say that it is HTML."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from bottle import SimpleTemplate

from circus_web import figures
from circus_web.html import Html, escaped
from circus_web.problems import how_it_ended

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_TEMPLATES: Final = HERE / "templates"


def link(page: str, **query: object) -> str:
    """Return a link to a page, relative as all links are: a proxy may put any prefix before us."""
    return f"{page}?{urlencode(query, quote_via=quote)}" if query else page


def action(do: str, **fields: object) -> str:
    """Return the value of a button that does something."""
    return urlencode({"do": do, **fields}, quote_via=quote)


def _ago(moment: float | None) -> str:
    return figures.duration(time.time() - moment) if moment else figures.UNKNOWN


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


_UNTOLD: Final = {"time", "process_pid", "process_id"}


def _said(action: str, details: Mapping[str, Any]) -> str:
    """Return the details of an event in words."""
    pid = details.get("process_pid")
    words = [] if pid is None else [f"pid {pid}"]
    if action == "reap":
        words.append(f"ended {how_it_ended(details.get('exit_code'))}")
    known = {*_UNTOLD, "exit_code"}
    words += [f"{name} {value}" for name, value in details.items() if name not in known and value is not None]
    return ", ".join(words)


class Templates:
    """Renders the templates of the package and those that extensions bring. For any thread.

    :param readonly: what changes something is left out
    """

    def __init__(self, *, readonly: bool) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self.media = f"media/{_digest()}"  #: the folder of static files, another one for each version of them
        self._helpers = {
            "link": link,
            "action": action,
            "ago": _ago,
            "clock": _clock,
            "ended": how_it_ended,
            "said": _said,
            "media": self.media,
            "readonly": readonly,
        }

    def render(self, name: str, /, **values: Any) -> Html:
        """Return the template *name* of ours with *values*."""
        return Html(self._get(name, "").render({**self._helpers, **values}))

    def render_text(self, source: str, /, **values: Any) -> Html:
        """Return the template *source*, written in bottle's language, with *values*."""
        return Html(self._get("", source).render({**self._helpers, **values}))

    def _get(self, name: str, source: str) -> Any:
        key = name or source
        template = self._known.get(key)
        if template is None:
            with self._lock:
                where = {"name": f"{name}.tpl", "lookup": [str(_TEMPLATES)]} if name else {"source": source}
                template = SimpleTemplate(**where)
                template._escape = escaped  # its own would forget that something is HTML already
                self._known[key] = template
        return template


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
