"""Who may come in: links, passwords, sessions."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Final

from circus_web import passwords
from circus_web.guard import Guard, Header
from circus_web.limits import LoginLimit
from circus_web.register import Register
from circus_web.sessions import Session, Sessions
from circus_web.settings import Settings

_COOKIE: Final = "circus-console"
_MAX_CHECKS: Final = 3  # passwords looked at or waiting for it: each takes a while, on a thread that pages need


class LoginRefused(Exception):
    """A login that failed, and why; *wait* is how many seconds to wait before the next try."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class Door:
    """Lets browsers in, and knows those that are in. For any thread.

    :param address: where the console listens; links and cookies of one console are worth nothing to another
    """

    def __init__(
        self, settings: Settings, register: Register, *, address: str, limit: Callable[[], LoginLimit] = LoginLimit
    ) -> None:
        self.settings = settings
        self.guard = Guard(settings)
        identity = f"{address}|{settings.readonly}|{','.join(settings.endpoints)}|{settings.password_hash}"
        self.audience = hashlib.sha256(identity.encode()).hexdigest()
        self.cookie_name = f"{_COOKIE}-{self.audience[:8]}"
        self.sessions = Sessions(register, self.audience)
        self._register = register
        self._limit = limit()
        self._checks = threading.BoundedSemaphore(_MAX_CHECKS)

    @property
    def takes_password(self) -> bool:
        """Whether one logs in with a password, not with a link."""
        return self.settings.password_hash is not None

    def make_token(self) -> str:
        """Return the token of a new one-time link."""
        return self._register.make_token(self.audience)

    def login_with_token(self, token: str, client: str) -> Session:
        """Return a new session for who has a link that nobody used yet.

        :raises LoginRefused: says why not
        """
        self._begin(client)
        if self.takes_password or not self._register.take_token(self.audience, token):
            raise LoginRefused("this link was used already, or is too old; get another: circusctl console-link")
        return self._new_session(client)

    def login_with_password(self, password: str, client: str) -> Session:
        """Return a new session for who knows the password.

        :raises LoginRefused: says why not
        """
        self._begin(client)
        hashed = self.settings.password_hash
        if not self._checks.acquire(blocking=False):
            raise LoginRefused("many are logging in at this moment; wait a second", 1.0)
        try:
            is_right = hashed is not None and passwords.verify(hashed, password)
        finally:
            self._checks.release()
        if not is_right:
            raise LoginRefused("wrong password")
        return self._new_session(client)

    def session(self, header: Header) -> Session | None:
        """Return the session of a request."""
        # Whatever cookies others on this host set, and however they are written: ours is looked for, nothing is parsed.
        cookies = (cookie.strip().partition("=") for cookie in (header("Cookie") or "").split(";"))
        loaded = (self.sessions.load(value) for name, _, value in cookies if name == self.cookie_name)
        session = next((session for session in loaded if session is not None), None)
        if session is not None and session.endpoint not in self.settings.endpoints:
            session.endpoint = None
        return session

    def cookie(self, session: Session | None, *, secure: bool) -> str:
        """Return the ``Set-Cookie`` header that keeps *session*, or that removes it.

        It has no path: it goes to the folder of the page that sets it, whatever prefix a proxy puts before it.
        """
        value = self.sessions.dump(session) if session else "; Max-Age=0"
        return f"{self.cookie_name}={value}; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")

    def _begin(self, client: str) -> None:
        wait = self._limit.begin(client)
        if wait:
            raise LoginRefused(f"too many tries; wait {wait:.0f} seconds", wait)

    def _new_session(self, client: str) -> Session:
        self._limit.succeeded(client)
        session = self.sessions.new()
        # With one daemon there is nothing to choose.
        if len(self.settings.endpoints) == 1:
            session.connect(self.settings.endpoints[0])
        return session
