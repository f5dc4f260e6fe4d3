"""Logging in and out, connecting to a daemon."""

from __future__ import annotations

import math

from circus_web.door import LoginRefused
from circus_web.templates import link
from circus_web.visit import PAGE, Answer, Visit, as_json, redirect


def not_in(visit: Visit) -> Answer:
    """Answer who is not logged in."""
    if visit.wants_json:
        return as_json({"ok": False, "message": "log in first"}, 401)
    if visit.header("Sec-Fetch-Site") == "cross-site" and visit.method == "GET":
        # Who follows a link from elsewhere may well be in: cookies come along once the page itself asks again.
        return visit.page("again", "Circus", to=visit.root + visit.path)
    return redirect(visit.root + link("login", **({"next": visit.path} if visit.path else {})))


def show_login(visit: Visit) -> Answer:
    """Show the form, or let in who brings a token."""
    token = visit.query("token")
    if token and visit.method == "GET":  # who only asks for the head, as previews of links do, does not use it up
        return _enter_by_link(visit, token)
    if visit.session is not None:
        return redirect(visit.root)
    return _login_page(visit)


def login(visit: Visit) -> Answer:
    """Let in who knows the password, or typed a token."""
    door = visit.console.door
    word = visit.form("password")
    try:
        if door.takes_password:
            visit.session = door.login_with_password(word, visit.client)
        else:
            visit.session = door.login_with_token(word.strip().rpartition("token=")[2], visit.client)
    except LoginRefused as exc:
        return _refused(visit, exc)
    return redirect(visit.root + _next(visit))


def logout(visit: Visit) -> Answer:
    """End the session, and every copy of its cookie."""
    assert visit.session is not None
    visit.console.door.sessions.revoke(visit.session)
    visit.session = None
    return redirect(f"{visit.root}login")


def show_connect(visit: Visit) -> Answer:
    """Show the daemons to choose from."""
    return _connect_page(visit)


def connect(visit: Visit) -> Answer:
    """Look at the daemon that was chosen."""
    assert visit.session is not None
    endpoint = visit.form("endpoint")
    if endpoint not in visit.console.settings.endpoints:
        text = f"{endpoint} is not one of the daemons of this console; name it with --endpoint or httpd_endpoints"
        return _connect_page(visit, text, status=403)
    visit.session.connect(endpoint)
    if not visit.console.is_up(endpoint):
        return _connect_page(visit, visit.console.read(endpoint, lambda feed: feed.system.why_down), status=503)
    return redirect(visit.root)


def disconnect(visit: Visit) -> Answer:
    """Forget the daemon."""
    assert visit.session is not None
    visit.session.connect(None)
    return redirect(f"{visit.root}connect")


def lost(visit: Visit, why: str) -> Answer:
    """Answer a request for which the daemon could not be asked."""
    if visit.wants_json:
        return as_json({"ok": False, "message": why}, 503)
    return _connect_page(visit, why, status=503)


def _connect_page(visit: Visit, error: str = "", status: int = 200) -> Answer:
    assert visit.session is not None
    chosen = visit.session.endpoint or visit.console.settings.endpoints[0]
    return visit.page("connect", "Connect", status=status, error=error, chosen=chosen)


def _enter_by_link(visit: Visit, token: str) -> Answer:
    try:
        visit.session = visit.console.door.login_with_token(token, visit.client)
    except LoginRefused as exc:
        if visit.session is not None:
            return redirect(visit.root)  # it is in already, and the link was used for that
        return _refused(visit, exc)
    # Not a redirect: when the link stood on another site, the cookie would not come along.
    return visit.page("again", "Circus", to=visit.root + _next(visit))


def _refused(visit: Visit, refusal: LoginRefused) -> Answer:
    answer = _login_page(visit, str(refusal), status=429 if refusal.wait else 403)
    if refusal.wait:
        answer.headers["Retry-After"] = str(math.ceil(refusal.wait))
    return answer


def _login_page(visit: Visit, error: str = "", status: int = 200) -> Answer:
    takes_password = visit.console.door.takes_password
    return visit.page("login", "Log in", status=status, error=error, takes_password=takes_password, next=_next(visit))


def _next(visit: Visit) -> str:
    """Return the page to go to after the login, if it is one of ours."""
    page = visit.form("next") or visit.query("next")
    return page if PAGE.fullmatch(page) and not page.startswith(("login", "logout")) else ""
