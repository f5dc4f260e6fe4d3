"""The console for any WSGI server, which polls where there are no WebSockets."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Final

from circus_web.app import StartResponse, make_app
from circus_web.console import Console
from circus_web.register import ConsoleRecord, default_folder
from circus_web.settings import from_environ

logger: Final = logging.getLogger("circus.console")

Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class LazyApp:
    """The application, made at the first request of each process, with settings from the environment.

    A server may import it before it forks, and a console has threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[int, Application] | None = None

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), _make(environ)
        return self._made[1](environ, start_response)


def _make(environ: dict[str, Any]) -> Application:
    settings = from_environ()
    console = Console(settings, address="wsgi", folder=default_folder())
    # The name that the first visitor used may be anything, and it will stand in links that let in.
    host = environ.get("HTTP_HOST", "")
    if not console.door.guard.is_told_name(host):
        host = f"localhost:{environ.get('SERVER_PORT')}"
    url = f"{environ.get('wsgi.url_scheme', 'http')}://{host}/"
    has_password = console.door.takes_password
    record = ConsoleRecord(
        pid=os.getpid(),
        url=url,
        audience=console.door.audience,
        endpoints=settings.endpoints,
        has_password=has_password,
    )
    stack = ExitStack()
    stack.callback(console.close)
    stack.enter_context(console.register.announced(record))
    atexit.register(stack.close)
    if not has_password:
        logger.warning("web console at %s: circusctl console-link prints a link that lets you in", url)
    return make_app(console)


app: Final = LazyApp()
"""The WSGI application."""
