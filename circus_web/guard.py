"""What every request has to be like, before anybody looks at who sent it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from circus_core.quick_dataclass import dataclass
from circus_web.settings import Settings, is_loopback

SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}

HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not no-referrer: browsers would send forms with "Origin: null".
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
"""What every answer says to browsers."""

Header = Callable[[str], str | None]
"""Gives a header of the request by its name."""


def headers_of(environ: Mapping[str, Any]) -> Header:
    """Return what gives the headers of a WSGI request; whatever bytes they have, they are text."""
    return lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not looked at; *text* tells the remedy."""

    status: int
    text: str


class Guard:
    """Refuses requests under a foreign name, from a foreign page, or from another machine without a password."""

    def __init__(self, settings: Settings) -> None:
        self._has_password = settings.password_hash is not None
        own = {} if is_loopback(settings.host) else {socket.gethostname().lower()}
        self._hosts = {settings.host.lower(), *own, *(name.lower() for name in settings.allowed_hosts)} - {""}

    def refusal(self, method: str, header: Header, *, peer: str, is_socket: bool = False) -> Refusal | None:
        """Return why the request is refused, or ``None``.

        :param peer: the address that it came from, empty when it has none, as on a unix socket
        :param is_socket: it opens a WebSocket
        """
        if not self._has_password and not _is_near(peer):
            text = "other machines are let in with a password only; set httpd_password_hash, or use an ssh tunnel"
            return Refusal(403, text)
        host = header("Host") or ""
        if not self._is_our_name(host):
            text = f"this console is not known as {host[:100]!r}; name it in httpd_allowed_hosts if it should be"
            return Refusal(421, text)
        if not self._is_from_our_page(method, header, host, is_socket=is_socket):
            text = "the request does not come from a page of this console; a proxy has to pass the Host header on"
            return Refusal(403, text)
        return None

    def is_told_name(self, host: str) -> bool:
        """Return whether *host*, with or without a port, is a name that the settings tell, or a local one."""
        name = _name_in(host)
        return name in self._hosts or is_loopback(name)

    def _is_our_name(self, host: str) -> bool:
        # Another site may let its own name lead here, but never an address.
        return self.is_told_name(host) or _is_address(_name_in(host))

    def _is_from_our_page(self, method: str, header: Header, host: str, *, is_socket: bool) -> bool:
        origin = header("Origin")
        if origin is not None:
            return _is_same(origin, host) and not (is_tls("", header) and not origin.startswith("https:"))
        if method in SAFE_METHODS and not is_socket:
            return True
        site = header("Sec-Fetch-Site")
        if site is not None:
            return site == "same-origin"
        return _is_same(header("Referer") or "", host)


def is_tls(scheme: str, header: Header) -> bool:
    """Return whether the browser came by TLS, to us or to the proxy before us."""
    return scheme == "https" or (header("X-Forwarded-Proto") or "").strip().lower() == "https"


def client_of(peer: str, header: Header) -> str:
    """Return the address to count tries by: the peer's, or whom the local proxy names; of IPv6 the /64."""
    forwarded = (header("X-Forwarded-For") or "").rpartition(",")[2].strip()
    named = forwarded if _is_address(forwarded) and (not peer or is_loopback(peer)) else peer
    if not _is_address(named):
        return named
    address = ipaddress.ip_address(named.strip("[]").partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _name_in(host: str) -> str:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", host)
    return match[1].lower().rstrip(".") if match else ""


def _is_near(peer: str) -> bool:
    # 0.0.0.0 is nobody's address: chaussette says it of every peer of a socket that it was given.
    return peer in {"", "0.0.0.0"} or is_loopback(peer)


def _is_same(url: str, host: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
