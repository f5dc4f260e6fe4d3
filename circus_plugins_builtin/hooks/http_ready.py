"""The hook ``http_ready``."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from circus_plugins_builtin.hooks._http_options import HttpReady
from circus_plugins_builtin.hooks._waiting import wait_until


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
