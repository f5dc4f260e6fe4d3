"""The WSGI application: which view answers which address, and for whom."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from bottle import Bottle, HTTPResponse, LocalRequest, request, static_file

from circus_core.errors import CallError, CommandError
from circus_web import changes, entrance, views
from circus_web.console import Console, UnknownChannelError
from circus_web.guard import HEADERS, SAFE_METHODS, headers_of
from circus_web.templates import STATIC, link
from circus_web.visit import Answer, Visit, as_json, redirect

logger: Final = logging.getLogger("circus.console")

View = Callable[[Visit], Answer]
Check = Callable[[Visit], Answer | None]
"""Gives the answer to a visit that may not go on."""
StartResponse = Callable[..., Any]

MAX_FORM: Final = 64 << 10  #: bytes

# For anybody; for who is logged in; for who is connected to a daemon too.
_OPEN: Final[dict[tuple[str, str], View]] = {
    ("GET", "login"): entrance.show_login,
    ("POST", "login"): entrance.login,
}
_INSIDE: Final[dict[tuple[str, str], View]] = {
    ("POST", "logout"): entrance.logout,
    ("GET", "connect"): entrance.show_connect,
    ("POST", "connect"): entrance.connect,
    ("POST", "disconnect"): entrance.disconnect,
}
_CONNECTED: Final[dict[tuple[str, str], View]] = {
    ("GET", ""): views.show_index,
    ("GET", "watcher"): views.show_watcher,
    ("GET", "options"): views.show_options,
    ("GET", "add"): views.show_add,
    ("GET", "events"): views.show_events,
    ("GET", "output"): views.show_output,
    ("GET", "history"): views.history,
    ("GET", "rest"): views.rest,
    ("GET", "poll"): views.poll,
    ("POST", "do"): changes.do,
    ("POST", "options"): changes.set_options,
    ("POST", "add"): changes.add,
}


def make_app(console: Console) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return the console as a WSGI application."""
    app = Bottle(autojson=False)
    for views_of, check in ((_OPEN, None), (_INSIDE, _inside), (_CONNECTED, _connected)):
        for (method, path), view in views_of.items():
            app.route(f"/{path}", method, _handler(console, view, check))
    app.route("/<slug:re:[a-z][a-z0-9-]*>", "GET", _handler(console, views.show_part, _connected))
    app.route("/media/<version:re:[0-9a-f]{12}>/<path:path>", "GET", _media)
    app.route("/media/<path:path>", "GET", _media)
    app.default_error_handler = lambda error: _plain_error(console, error)
    return Guarded(app, console)


class Guarded:
    """Looks at every request before the application does, and adds to every answer what browsers have to know."""

    def __init__(self, app: Bottle, console: Console) -> None:
        self._app = app
        self._guard = console.door.guard

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = LocalRequest(environ)
        method = environ.get("REQUEST_METHOD", "GET")
        refusal = self._guard.refusal(method, headers_of(environ), peer=environ.get("REMOTE_ADDR", ""))
        if refusal is None and (asked.content_length > MAX_FORM or asked.chunked):
            return _refuse(start_response, "413 Content Too Large", "the form is too large")
        if refusal is not None:
            logger.warning("refused %s from %s: %s", method, environ.get("REMOTE_ADDR", "?"), refusal.text)
            return _refuse(start_response, f"{refusal.status} Refused", refusal.text)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *HEADERS], exc_info)

        answer: Iterable[bytes] = self._app(environ, start)
        return answer


def _refuse(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    body = f"{text}\n".encode()
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), length, *HEADERS])
    return [body]


def _handler(console: Console, view: View, check: Check | None) -> Callable[..., HTTPResponse]:
    def handle(slug: str = "") -> HTTPResponse:
        door = console.door
        session = door.session(headers_of(request.environ))
        visit = Visit(console, request, session)
        answer = _answer(visit, view, check)
        response = HTTPResponse(answer.body, answer.status)
        for name, value in {"Cache-Control": "no-store", **answer.headers}.items():
            response.set_header(name, value)
        if visit.session is not session or (visit.session is not None and visit.session.is_changed):
            response.add_header("Set-Cookie", door.cookie(visit.session, secure=visit.is_secure))
        return response

    return handle


def _answer(visit: Visit, view: View, check: Check | None) -> Answer:
    try:
        refused = check(visit) if check is not None else None
        return refused if refused is not None else view(visit)
    except CallError as exc:
        return entrance.lost(visit, str(exc))
    except CommandError as exc:
        return _problem(visit, 404 if "not found" in str(exc) else 502, str(exc))
    except UnknownChannelError:
        return _problem(visit, 404, "there is no such page")


def _inside(visit: Visit) -> Answer | None:
    """Return what who is not logged in gets, or a form that is not ours."""
    if visit.session is None:
        return entrance.not_in(visit)
    method = visit.method
    if method not in SAFE_METHODS:
        given = visit.form("csrf") or visit.header("X-CSRF-Token") or ""
        if not visit.console.door.sessions.is_csrf(visit.session, given):
            return _problem(visit, 403, "the form is not from a page of yours; load the page again")
    return None


def _connected(visit: Visit) -> Answer | None:
    """Return what who is not connected gets."""
    refused = _inside(visit)
    if refused is not None:
        return refused
    assert visit.session is not None
    if visit.session.endpoint is None:
        return as_json({"message": "not connected"}, 409) if visit.wants_json else redirect(f"{visit.root}connect")
    return None


def _problem(visit: Visit, status: int, text: str) -> Answer:
    if visit.wants_json:
        return as_json({"ok": False, "message": text}, status)
    return visit.page("problem", "Not possible", status=status, text=text, back=link(visit.root))


def _media(path: str, version: str = "") -> HTTPResponse:
    response = static_file(path, root=str(STATIC))
    response.set_header("Cache-Control", "public, max-age=31536000, immutable" if version else "no-cache")
    return response


def _plain_error(console: Console, error: Any) -> str:
    """Return the page of an address that is not there, or of a fault of ours, which tells nothing of the inside."""
    if error.exception is not None:
        logger.error("%s %s failed", request.method, request.path, exc_info=error.exception)
    text = "there is no such page" if error.status_code == 404 else "something went wrong; the log tells more"
    body: str = _problem(Visit(console, request, None), error.status_code, text).body  # type: ignore[assignment]
    return body
