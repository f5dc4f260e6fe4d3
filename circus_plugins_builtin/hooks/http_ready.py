"""The hook ``http_ready``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from circus_core.options import Kind, OnChange, kinds, option
from circus_plugins_builtin.hooks._waiting import Waiting, wait_until


def _url(text: str) -> str:
    parts = urlsplit(text)  # whose port raises a ValueError of its own
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("no http:// or https:// address")
    return text


@dataclass(frozen=True, kw_only=True)
class HttpReady(Waiting):
    """Options of ``http_ready``."""

    prefix = "hook.http_ready"
    needed = "url"
    example = "http://127.0.0.1:8000/"

    url: str | None = option(
        Kind(name="URL", parse=_url, fix="write one such as http://127.0.0.1:8000/health"),
        None,
        "What to ask for by ``GET``. Required.",
        on_change=OnChange.NOTHING,
    )
    status: int = option(
        kinds.whole(0, 599),
        0,
        "Status code to wait for. 0 means any below 400; no redirection is followed.",
        on_change=OnChange.NOTHING,
    )
    verify: bool = option(kinds.BOOL, True, "Check the certificate of an ``https`` server.", on_change=OnChange.NOTHING)


async def http_ready(*, watcher: Any, **others: Any) -> bool:
    """Wait until an HTTP server answers well."""
    options = HttpReady.of(watcher.options())

    def get(seconds: float) -> None:
        status = _ask(options, seconds)
        if status != options.status if options.status else status >= 400:
            raise OSError(f"it answers {status}")

    return await wait_until(get, options, options.url or "")


def _ask(options: HttpReady, seconds: float) -> int:
    """Return the status code of the answer."""
    parts = urlsplit(options.url or "")
    host = parts.hostname or ""
    connection: HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context() if options.verify else ssl._create_unverified_context()
        connection = HTTPSConnection(host, parts.port, timeout=seconds, context=context)
    else:
        connection = HTTPConnection(host, parts.port, timeout=seconds)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        return connection.getresponse().status
    except HTTPException as exc:
        raise OSError(f"it does not answer in HTTP: {exc!r}") from exc
    finally:
        connection.close()
