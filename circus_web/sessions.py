"""Sessions of browsers, kept in signed cookies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from circus_core.quick_dataclass import dataclass
from circus_web.register import SESSION_IDLE_LIMIT, Register

WHOLE_LIMIT: Final = 7 * 24 * 3600  #: seconds
_RENEW_AFTER: Final = 600  #: seconds
_MAX_FLASH: Final = 600  #: bytes
_MAX_FLASHES: Final = 3
_MAX_COOKIE: Final = 3500  #: bytes; browsers drop cookies above 4 kB, and proxies answers with longer headers


@dataclass(slots=True, kw_only=True)
class Session:
    """A browser that logged in.

    :param born: Unix time of the login
    :param issued: Unix time of the cookie
    :param endpoint: the daemon that it looks at, ``None`` before it is connected
    :param flashes: kind and text of messages for its next page
    """

    id: str
    born: float
    issued: float
    endpoint: str | None = None
    flashes: list[tuple[str, str]] = field(default_factory=list)
    is_changed: bool = False

    def connect(self, endpoint: str | None) -> None:
        """Look at another daemon, or at none."""
        self.endpoint = endpoint
        self.is_changed = True

    def flash(self, kind: str, text: str) -> None:
        """Show *text* on the next page; *kind* is ``ok`` or ``error``."""
        data = text.encode("utf-8", "replace")
        shown = text if len(data) <= _MAX_FLASH else data[: _MAX_FLASH - 3].decode("utf-8", "ignore") + "..."
        self.flashes = [*self.flashes, (kind, shown)][-_MAX_FLASHES:]
        self.is_changed = True

    def take_flashes(self) -> list[tuple[str, str]]:
        """Return the messages and forget them."""
        flashes, self.flashes = self.flashes, []
        self.is_changed = self.is_changed or bool(flashes)
        return flashes


class Sessions:
    """Makes sessions, writes them into cookies and reads them back. For any thread.

    :param register: remembers those that were logged out
    :param audience: what they are signed for
    :param clock: tells Unix time
    """

    def __init__(self, register: Register, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._register = register
        self._key = register.key_for(f"session:{audience}")
        self._clock = clock

    def new(self) -> Session:
        """Return a new session, to be written into a cookie."""
        now = self._clock()
        return Session(id=secrets.token_urlsafe(18), born=now, issued=now, is_changed=True)

    def dump(self, session: Session) -> str:
        """Return the value of the session's cookie."""
        data: dict[str, Any] = {
            "id": session.id,
            "born": int(session.born),
            "issued": int(self._clock()),
            "endpoint": session.endpoint,
            "flashes": session.flashes,
        }
        body = _encode(data)
        while len(body) > _MAX_COOKIE and data["flashes"]:
            data["flashes"] = data["flashes"][1:]
            body = _encode(data)
        return f"{body}.{self._sign(body)}"

    def load(self, cookie: str | None) -> Session | None:
        """Return the session in a cookie; ``None`` when it is forged, too old or logged out."""
        body, _, signature = (cookie or "").rpartition(".")
        # Bytes: text that is no ASCII cannot be compared in constant time.
        if not body or not hmac.compare_digest(signature.encode("utf-8", "replace"), self._sign(body).encode()):
            return None
        try:
            data: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        except (ValueError, binascii.Error):
            return None
        session = Session(
            id=data["id"],
            born=data["born"],
            issued=data["issued"],
            endpoint=data["endpoint"],
            flashes=[(kind, text) for kind, text in data["flashes"]],
        )
        if not self.is_good(session):
            return None
        session.is_changed = self._clock() - session.issued > _RENEW_AFTER
        return session

    def is_good(self, session: Session) -> bool:
        """Return whether *session* is neither too old nor logged out."""
        now = self._clock()
        is_fresh = now - session.issued < SESSION_IDLE_LIMIT and now - session.born < WHOLE_LIMIT
        return is_fresh and not self._register.is_ended(session.id)

    def revoke(self, session: Session) -> None:
        """Log *session* out: copies of its cookie are worthless from now on, after a restart too."""
        self._register.end_session(session.id)

    def csrf(self, session: Session) -> str:
        """Return what a form of this session has to send along."""
        return self._sign(f"csrf:{session.id}")

    def is_csrf(self, session: Session, given: str) -> bool:
        """Return whether a form that sent *given* came from a page of this session."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.csrf(session).encode())

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _encode(data: dict[str, Any]) -> str:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()
