"""One request, and what it is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from bottle import LocalRequest

from circus_core import __version__
from circus_core.quick_dataclass import dataclass
from circus_web.channels import Row
from circus_web.console import Console
from circus_web.feed import Snapshot
from circus_web.guard import client_of, headers_of, is_tls
from circus_web.html import Html
from circus_web.sessions import Session

PAGE: Final = re.compile(r"[a-z][a-z0-9-]*(\?[\w%=&.+~-]*)?")
"""A link to one of our pages, from the root."""


@dataclass(slots=True)
class Answer:
    """What a browser gets."""

    body: str | bytes = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def redirect(to: str) -> Answer:
    """Return an answer that leads to another page; *to* is relative, as all links are."""
    return Answer(status=303, headers={"Location": to})


def as_json(data: Mapping[str, Any] | str, status: int = 200) -> Answer:
    """Return an answer for a script."""
    body = data if isinstance(data, str) else json.dumps(data)
    return Answer(body, status, {"Content-Type": "application/json"})


class Visit:
    """A request with the session that it belongs to.

    :param session: ``None`` for who is not logged in
    """

    def __init__(self, console: Console, request: LocalRequest, session: Session | None) -> None:
        self.console = console
        self.session = session
        self._request = request
        self._header = headers_of(request.environ)

    @property
    def path(self) -> str:
        """The page that was asked for, with its query, as a link from the root."""
        query = self._request.query_string
        return str(self._request.path).lstrip("/") + (f"?{query}" if query else "")

    @property
    def method(self) -> str:
        """``GET``, ``POST`` or another."""
        return str(self._request.method)

    @property
    def came_from(self) -> str:
        """The page that a form says to go back to, if it is one of ours."""
        page = self.form("back")
        return self.root + page if PAGE.fullmatch(page) else self.root

    @property
    def root(self) -> str:
        """The way back to the first page, relative."""
        return "../" * (str(self._request.path).count("/") - 1) or "./"

    @property
    def client(self) -> str:
        """Where it comes from, to count tries by."""
        return client_of(self._request.environ.get("REMOTE_ADDR", ""), self.header)

    @property
    def is_secure(self) -> bool:
        """Whether the browser came by TLS."""
        return is_tls(self._request.environ.get("wsgi.url_scheme", "http"), self.header)

    @property
    def wants_json(self) -> bool:
        """Whether a script asks, not a person."""
        return "application/json" in (self.header("Accept") or "")

    @property
    def endpoint(self) -> str:
        """The daemon that the browser looks at; for pages that need one."""
        assert self.session is not None
        assert self.session.endpoint is not None
        return self.session.endpoint

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        return self._header(name)

    def query(self, name: str, default: str = "") -> str:
        """Return a word of the query."""
        return str(self._request.query.getunicode(name, default))

    def form(self, name: str, default: str = "") -> str:
        """Return a field of the form."""
        return str(self._request.forms.getunicode(name, default))

    def fields(self) -> dict[str, str]:
        """Return all fields of the form."""
        forms = self._request.forms
        return {name: str(forms.getunicode(name, "")) for name in forms}

    def flash(self, kind: str, text: str) -> None:
        """Show *text* on the next page; *kind* is ``ok`` or ``error``."""
        if self.session is not None:
            self.session.flash(kind, text)

    def page(self, template: str, title: str, *, status: int = 200, live: Mapping[str, Snapshot] | None = None,
             **values: Any) -> Answer:  # fmt: skip
        """Return a page of ours.

        :param live: the live parts of it
        """
        frame = self._frame(title, live or {})
        body = self.console.templates.render(template, **{**frame, **values})
        html = self.console.templates.render("base", **frame, body=body, rest=values.get("rest", ""))
        return Answer(html, status, {"Content-Type": "text/html; charset=utf-8"})

    def html_of(self, rows: Iterable[Row]) -> Html:
        """Return *rows* as HTML."""
        return Html("".join(row.html(self.console.templates.render) for row in rows))

    def _frame(self, title: str, live: Mapping[str, Snapshot]) -> dict[str, Any]:
        session = self.session
        settings = self.console.settings
        return {
            "title": title,
            "root": self.root,
            "path": self.path.partition("?")[0],
            "back": self.path,
            "endpoints": settings.endpoints,
            "endpoint": session.endpoint if session else None,
            "is_in": session is not None,
            "csrf": self.console.door.sessions.csrf(session) if session else "",
            "flashes": session.take_flashes() if session else [],
            "menu": self.console.extensions.menu,
            "version": __version__,
            "live": json.dumps({key: snapshot.version for key, snapshot in live.items()}),
        }
