"""``Arbiter``: an arbiter that a program runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Self

import zmq

from circus_core.compat._arbiter_face import ArbiterFace
from circus_core.compat._gate import Future, Gate, done
from circus_core.compat._loops import asyncio_loop, is_default, refuse_running_loop, tornado_loop
from circus_core.compat._program_commands import program_commands
from circus_core.compat.controller import Controller
from circus_core.compat.sockets import CircusSocket, given_sockets
from circus_core.compat.watcher import Watcher
from circus_core.config import Config, load
from circus_core.embedding import Running
from circus_core.errors import LibraryError
from circus_core.keywords import circus_config, plugin_config
from circus_core.options import Option
from circus_core.services import logger

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class Arbiter(ArbiterFace):
    """Runs watchers, takes commands and publishes events.

    Without a *loop* :meth:`start` blocks until it is stopped; given one, a running or a later one, it returns what
    comes when the watchers have started. While it blocks the main thread, SIGTERM, SIGINT and SIGQUIT stop it
    gracefully and SIGHUP reloads, unless the program has handlers of its own.

    :param watchers: watchers, or options of them
    :param endpoint: where commands are taken; ``None`` for nowhere
    :param pubsub_endpoint: where events are published; ``None`` for nowhere
    :param check_delay: seconds between two safety sweeps; 0 or less for none
    :param prereload_fn: called with the arbiter before it reloads all watchers
    :param context: a ZeroMQ context to use, which stays the program's
    :param loop: an asyncio loop, or an ``IOLoop`` of tornado
    :param plugins: options of plugins, each with ``use``
    :param sockets: sockets, or options of them, in a list or by name
    :param umask: file mode mask of the whole program while it runs
    :param old_options: options of earlier versions, without effect
    """

    def __init__(
        self,
        watchers: Iterable[Watcher | dict[str, Any]],
        endpoint: str | None,
        pubsub_endpoint: str | None,
        check_delay: float = 1.0,
        prereload_fn: Callable[[Any], object] | None = None,
        context: zmq.Context[Any] | None = None,
        loop: Any = None,
        statsd: bool = False,
        stats_endpoint: str | None = None,
        statsd_close_outputs: bool = False,
        multicast_endpoint: str | None = None,
        plugins: Iterable[Mapping[str, Any]] | None = None,
        sockets: Any = None,
        warmup_delay: float = 0,
        httpd: bool = False,
        httpd_host: str = "localhost",
        httpd_port: int = 8080,
        httpd_close_outputs: bool = False,
        debug: bool = False,
        debug_gc: bool = False,
        ssh_server: str | None = None,
        proc_name: str = "circusd",
        pidfile: str | None = None,
        loglevel: str | None = None,
        logoutput: str | None = None,
        loggerconfig: str | None = None,
        fqdn_prefix: str | None = None,
        umask: int | None = None,
        endpoint_owner: str | None = None,
        **old_options: Any,
    ) -> None:
        given = locals()
        if unknown := old_options.keys() - _OLD_OPTIONS:
            raise TypeError(f"Arbiter has no option {sorted(unknown)[0]!r}")
        named = {name: given[name] for name in _CIRCUS_OPTIONS}
        if stats_endpoint is not None:
            named |= {"stats_endpoint": stats_endpoint, "statsd": True}
        super().__init__(circus_config(named), Gate())
        self.prereload_fn = prereload_fn
        self.ssh_server = ssh_server
        self.proc_name = proc_name
        self.loglevel = loglevel
        self.logoutput = logoutput
        self.loggerconfig = loggerconfig
        self.sockets = given_sockets(sockets)
        self._plugins = tuple(plugin_config(plugin) for plugin in plugins or ())
        self._given_context = context
        self._own_context: zmq.Context[Any] | None = None
        self._given_loop = loop
        self._own_loop: Any = None
        self._daemon: Running | None = None
        self._over: concurrent.futures.Future[None] | None = None
        self._is_stop_asked = False
        for watcher in watchers:
            self._add(Watcher.load_from_config(dict(watcher)) if isinstance(watcher, Mapping) else watcher)

    @classmethod
    def load_from_config(cls, config_file: str | os.PathLike[str], loop: Any = None) -> Self:
        """Return the arbiter that an ini file describes.

        :raises ConfigErrors: something is wrong with the file
        """
        config = load(config_file)
        arbiter = cls([], config.circus.endpoint, config.circus.pubsub_endpoint, loop=loop)
        arbiter.config_file = config.path
        arbiter._take(config)
        return arbiter

    def _take(self, config: Config) -> None:
        self._circus = config.circus
        self._plugins = config.plugins
        self.sockets = given_sockets([CircusSocket._of(socket) for socket in config.sockets])
        for watcher in config.watchers:
            self._add(Watcher._of(watcher))

    # -- what it runs with --------------------------------------------------------------------------------------

    @property
    def loop(self) -> Any:
        """The loop that it was given, or tornado's view of its own."""
        if self._given_loop is not None:
            return self._given_loop
        if self._own_loop is None:
            self._own_loop = self._gate.call(tornado_loop)
        return self._own_loop

    @property
    def context(self) -> zmq.Context[Any]:
        """The ZeroMQ context that it was given, or one that ends with it."""
        if self._given_context is not None:
            return self._given_context
        self._own_context = self._own_context or zmq.Context()
        return self._own_context

    @property
    def evpub_socket(self) -> Any:
        """The ZeroMQ socket that publishes events, while it runs."""
        publisher = None if self._daemon is None else self._daemon.publisher
        return None if publisher is None else publisher.endpoint.socket

    @property
    def ctrl(self) -> Controller:
        """What would serve the endpoint; the arbiter does so by itself."""
        context, loop = self._given_context or self._own_context, self._given_loop or self._own_loop
        return Controller(self.endpoint, self.multicast_endpoint, context, loop, self, self.check_delay)

    # -- from start to end --------------------------------------------------------------------------------------

    def initialize(self) -> None:
        """Bind the sockets; :meth:`start` does so otherwise.

        :raises SocketError: an address cannot be had
        """
        self.sockets.bind_and_listen_all()

    def start(self, cb: Callable[[Future], object] | None = None) -> Future:
        """Start everything; see the class for when it returns. Comes to ``False``: nothing is left to restart.

        :param cb: called with a future once the watchers have started
        :raises CircusError: an address cannot be had, or an extension does not load; nothing was started
        """
        if self._over is not None and not self._over.done():
            raise LibraryError("the arbiter runs already")
        if self._given_loop is not None:
            over = self._over = concurrent.futures.Future()
            loop: asyncio.AbstractEventLoop = asyncio_loop(self._given_loop)
            ready = loop.create_future()
            task = loop.create_task(self._serve(ready, cb, over), name="circus arbiter")
            task.add_done_callback(lambda task: _pass_on(task, ready))
            return ready
        refuse_running_loop()
        self._run_loop(cb)
        return done(False)

    def stop(self) -> Future:
        """Stop everything; comes when all processes have ended. Nothing happens when it does not run."""
        over = self._over
        if over is None or over.done():
            return done()
        self._ask_to_stop()
        try:
            return asyncio.wrap_future(over, loop=asyncio.get_running_loop())
        except RuntimeError:
            return over

    def _ask_to_stop(self) -> None:
        self._is_stop_asked = True
        self._gate.post(self._begin_stop)

    def _begin_stop(self) -> None:
        if self._daemon is not None:
            self._daemon.begin_stop()

    def _run_loop(self, cb: Callable[[Future], object] | None) -> None:
        over = self._over = concurrent.futures.Future()
        in_main = threading.current_thread() is threading.main_thread()
        signals = [signum for signum in _SIGNALS if in_main and is_default(signum)]
        given = asyncio_loop(self._own_loop)
        try:
            with asyncio.Runner(loop_factory=None if given is None else lambda: given) as runner:
                runner.run(self._serve(None, cb, None, signals))
        finally:
            self._own_loop = None
            over.set_result(None)

    async def _serve(
        self,
        ready: asyncio.Future[bool] | None,
        cb: Callable[[Future], object] | None,
        over: concurrent.futures.Future[None] | None,
        signals: Iterable[signal.Signals] = (),
    ) -> None:
        """Run from start to end; *ready* comes when the watchers have started, *over* when all is over."""
        umask = os.umask(self.umask) if self.umask is not None else None
        self._gate.open()
        try:
            self.sockets.bind_and_listen_all()
            bound = {name.lower(): sock for name, sock in self.sockets.items() if not sock.so_reuseport}
            running = self._daemon = Running(
                self._read, self._circus, signals=signals, context=self._given_context or self._own_context,
                commands=program_commands(self), faces=self, sockets=bound,
            )  # fmt: skip
            await running.start()
            if ready is not None and not ready.done():
                ready.set_result(False)
            if cb is not None:
                cb(done())
            if self._is_stop_asked:
                running.begin_stop()
            await running.wait()
        finally:
            if self._daemon is not None:
                await self._daemon.stop()
            self._let_go()
            if umask is not None:
                os.umask(umask)
            if over is not None:
                over.set_result(None)

    def _let_go(self) -> None:
        for watcher in self._faces.values():
            watcher._unbind()
        self._core = self._daemon = None
        self._is_stop_asked = False
        self._gate.close()
        self.sockets.close_all()
        if self._own_context is not None:
            self._own_context.destroy(linger=0)
            self._own_context = None

    def _read(self, rows: Mapping[str, Option]) -> Config:
        """Return the configuration: of what the program gave it, at a reload what is in its file where it has one."""
        if self.config_file and self._core is not None:
            return load(self.config_file, rows=rows)
        return Config(
            circus=self._circus,
            watchers=tuple(watcher._config for watcher in self.watchers if watcher.name.lower() in self._own),
            sockets=tuple(replace(sock._config, name=name.lower()) for name, sock in self.sockets.items()),
            plugins=self._plugins,
            path=self.config_file or "",
        )


_CIRCUS_OPTIONS: Final = (
    "endpoint", "pubsub_endpoint", "check_delay", "statsd", "statsd_close_outputs", "multicast_endpoint",
    "warmup_delay", "httpd", "httpd_host", "httpd_port", "httpd_close_outputs", "debug", "debug_gc", "pidfile",
    "loglevel", "logoutput", "loggerconfig", "fqdn_prefix", "umask", "endpoint_owner",
)  # fmt: skip
_OLD_OPTIONS: Final = {"stream_backend"}


def _pass_on(task: asyncio.Task[None], ready: asyncio.Future[bool]) -> None:
    if task.cancelled():
        ready.cancel()
        return
    error = task.exception()
    if error is None:
        return
    if ready.done():
        logger.error("the arbiter ended by an error", exc_info=error)
    else:
        ready.set_exception(error)
