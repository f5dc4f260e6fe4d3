"""The console as a server: pages on threads, WebSockets on the loop."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, FallbackHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler
from tornado.wsgi import WSGIContainer

from circus_web.app import make_app
from circus_web.console import Console, UnknownChannelError
from circus_web.controller import MAX_CALLS
from circus_web.guard import HEADERS
from circus_web.sessions import Session

logger: Final = logging.getLogger("circus.console")

_THREADS: Final = 12  # pages at the same time, besides those that wait for a daemon
_MAX_CHANNELS: Final = 12
_MAX_UNSENT: Final = 4 << 20  #: bytes; a browser that is so far behind has to begin anew
_CHECK_EVERY: Final = 10.0  #: seconds between two looks whether a browser is still logged in
_MAX_MESSAGE: Final = 1024  #: bytes; browsers have nothing to say here
_MAX_BODY: Final = 1 << 20  #: bytes
_MAX_HEADERS: Final = 32 << 10  #: bytes
_HEADERS_TIMEOUT: Final = 60  #: seconds for the headers of a request, the pause before it included
_BODY_TIMEOUT: Final = 20  #: seconds for the rest of it


class LiveSocket(WebSocketHandler):
    """A browser that is told what changes."""

    def initialize(self, console: Console) -> None:
        self._console = console
        self._session: Session | None = None
        self._leave: list[Callable[[], None]] = []
        self._unsent = 0
        self._check: asyncio.TimerHandle | None = None

    def check_origin(self, origin: str) -> bool:
        """Leave that to the guard, which looked already."""
        return True

    def set_default_headers(self) -> None:
        for name, value in HEADERS:
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse who is not one of our pages, or not logged in."""
        header = self.request.headers.get
        door = self._console.door
        refusal = door.guard.refusal("GET", header, peer=peer_of(self.request), is_socket=True)
        self._session = door.session(header)
        if refusal is not None or self._session is None or self._session.endpoint is None:
            self.set_status(refusal.status if refusal else 401)
            self.finish()

    async def open(self, *args: str, **kwargs: str) -> None:
        """Begin to tell of the channels that the query names: ``?c=NAME&since=VERSION``, any number of times."""
        assert self._session is not None
        names = self.get_query_arguments("c")[:_MAX_CHANNELS]
        versions = self.get_query_arguments("since")
        endpoint = str(self._session.endpoint)
        loop = asyncio.get_running_loop()

        def sink(text: str) -> None:
            loop.call_soon_threadsafe(self._send, text)

        for index, name in enumerate(names):
            since = versions[index] if index < len(versions) else ""
            try:
                # Not here: the first look at a daemon may wait.
                watch = partial(self._console.watch, endpoint, name, since, sink)
                leave = await loop.run_in_executor(None, watch)
            except UnknownChannelError:
                self.close(1008, "no such page")
                return
            self._leave.append(leave)
        if self.close_code is not None or self.ws_connection is None:
            self.on_close()
        self._look_after()

    def on_message(self, message: str | bytes) -> None:
        """Take no notice."""

    def on_close(self) -> None:
        leave, self._leave = self._leave, []
        for stop in leave:
            stop()
        if self._check is not None:
            self._check.cancel()

    def _look_after(self) -> None:
        """Let nobody look on who has logged out."""
        assert self._session is not None
        if not self._console.door.sessions.is_good(self._session):
            self.close(1008, "logged out")
            return
        self._check = asyncio.get_running_loop().call_later(_CHECK_EVERY, self._look_after)

    def _send(self, text: str) -> None:
        if self._unsent > _MAX_UNSENT:
            self.close(1013, "too slow")
            return
        try:
            sent = self.write_message(text)
        except WebSocketClosedError:
            return
        self._unsent += len(text)
        sent.add_done_callback(partial(self._was_sent, len(text)))

    def _was_sent(self, size: int, sent: asyncio.Future[None]) -> None:
        self._unsent -= size
        if not sent.cancelled():
            sent.exception()  # a browser that is gone is no fault


class Pages(WSGIContainer):
    """The application behind tornado, which invents an address for the peer of a unix socket."""

    def environ(self, request: HTTPServerRequest) -> dict[str, Any]:
        return {**super().environ(request), "REMOTE_ADDR": peer_of(request)}

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        logger.debug("%d %s %s (%s)", status_code, request.method, request.path, peer_of(request))


def peer_of(request: HTTPServerRequest) -> str:
    """Return the address that a request came from, empty for a unix socket."""
    context = request.connection.context  # type: ignore[union-attr]
    return str(request.remote_ip) if context.address_family in {sockets.AF_INET, sockets.AF_INET6} else ""


async def serve(
    console: Console, listening: Sequence[sockets.socket], stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Serve *console* on bound sockets until *stop* is set.

    :param ready: called once browsers are answered
    """
    threads = _THREADS + MAX_CALLS * len(console.settings.endpoints)
    with ThreadPoolExecutor(threads, "console-page") as executor:
        pages = Pages(make_app(console), executor)
        application = Application(
            [("/live", LiveSocket, {"console": console}), (".*", FallbackHandler, {"fallback": pages})],
            websocket_ping_interval=25,
            websocket_max_message_size=_MAX_MESSAGE,
            log_function=_log_nothing,
        )
        server = HTTPServer(
            application,
            max_body_size=_MAX_BODY,
            max_header_size=_MAX_HEADERS,
            idle_connection_timeout=_HEADERS_TIMEOUT,
            body_timeout=_BODY_TIMEOUT,
        )
        server.add_sockets(listening)
        ready()
        try:
            await stop.wait()
        finally:
            server.stop()
            await server.close_all_connections()


def _log_nothing(handler: object) -> None:
    """Leave the log to others."""
