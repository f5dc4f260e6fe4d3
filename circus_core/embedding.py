"""Circus inside another program, on the event loop that the program has."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from socket import socket as Socket
from types import TracebackType
from typing import Any, Final, Self

import zmq

from circus_core._execution import execute
from circus_core._signals import SignalHandler
from circus_core.arbiter import Arbiter
from circus_core.compat.faces import DaemonFaces
from circus_core.config import Config, load
from circus_core.daemon import Daemon
from circus_core.direct import DirectSpawner
from circus_core.errors import ConfigError, ConfigErrors, LibraryError
from circus_core.faces import Faces
from circus_core.hooks import Hooks
from circus_core.interfaces import Command, Reply
from circus_core.keywords import circus_config, default_name, plugin_config, socket_config, watcher_config
from circus_core.log import reopen_logs
from circus_core.options import CircusConfig, Option, WatcherConfig, table
from circus_core.pacing import longest_delay
from circus_core.publisher import Publisher
from circus_core.registry import Registry

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_SILENT: Final = {"endpoint": None, "pubsub_endpoint": None, "multicast_endpoint": None}

Given = Config | str | os.PathLike[str] | Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""A configuration, the path of an ini file, or watchers: the options of one or of several."""

Read = Callable[[Mapping[str, Option]], Config]
"""Returns a configuration, given the table of a watcher's options with what extensions add to it."""


class Circus:
    """Watchers, processes and sockets on the running event loop::

        async with Circus({"cmd": "python worker.py", "numprocesses": 4}) as circus:
            await circus.call("incr", name="python")

    When the body begins every watcher that starts by itself has started, or failed and says why in its report; when it
    is left, all processes have ended. Nothing else of the program is touched: no signal handler, no logging, no child
    of somebody else, and neither thread nor descriptor is left behind. A program may have several.

    Given watchers, there is no endpoint but those that *options* name; with a configuration or a file those in it.

    :param config: a configuration, the path of an ini file, or the options of one or several watchers
    :param sockets: options of managed sockets by name, or one mapping with ``name`` for each
    :param plugins: options of plugins, each with ``use``
    :param handles_signals: have SIGTERM, SIGINT and SIGQUIT stop it gracefully and SIGHUP reload it; main thread only
    :param context: a ZeroMQ context to share, which stays the caller's
    :param options: of ``[circus]``, as in ``endpoint="ipc:///run/app/circus"``; they win over a file's
    :raises ConfigErrors: something is wrong with the configuration; it holds every error
    """

    def __init__(
        self,
        config: Given = (),
        *,
        sockets: Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]] = (),
        plugins: Iterable[Mapping[str, Any]] = (),
        handles_signals: bool = False,
        context: zmq.Context[Any] | None = None,
        **options: Any,
    ) -> None:
        self._read = _reader(config, sockets, plugins, options)
        self._circus = self._read(table(WatcherConfig)).circus
        self._handles_signals = handles_signals
        self._context = context
        self._running: Running | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def arbiter(self) -> Arbiter:
        """The arbiter: the watchers, and what commands can do; a restart inside Circus makes another one."""
        return self._alive().daemon.arbiter

    @property
    def endpoint(self) -> str:
        """Where commands are taken, as clients connect to it; empty without one."""
        return self.arbiter.endpoint

    @property
    def pubsub_endpoint(self) -> str:
        """Where events are published; empty without one."""
        return self.arbiter.pubsub_endpoint

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._running is not None and not self._running.is_over

    def statuses(self) -> dict[str, str]:
        """Return the state of each watcher by name, as the ``status`` command tells it."""
        return {watcher.name: watcher.state.value for watcher in self.arbiter.watchers()}

    async def start(self) -> None:
        """Bind everything, then start the watchers; return when each has started or has failed.

        :raises CircusError: an address cannot be had, or an extension does not load; nothing was started
        """
        if self.is_running:
            raise LibraryError("it runs already")
        signals = _SIGNALS if self._handles_signals else ()
        self._running = Running(self._read, self._circus, signals=signals, context=self._context)
        await self._running.start()

    async def stop(self) -> None:
        """Stop everything gracefully, and return when all processes have ended. May be called twice.

        Cancelled, it goes on stopping in the background.
        """
        if self._running is not None:
            await self._running.stop()

    async def wait(self) -> None:
        """Return when it has ended, because a command or a signal told it to."""
        if self._running is not None:
            await self._running.wait()

    async def call(self, command: str, **properties: Any) -> Reply:
        """Do a command of the control protocol, without an endpoint, and return the keys of its reply.

        :raises CommandError: it cannot be done
        """
        return await execute(self.arbiter, command, properties, self._alive().daemon.veto)

    def _alive(self) -> Running:
        if self._running is None or self._running.is_over:
            raise LibraryError("it does not run; enter it with `async with` or await start() first")
        return self._running


class Running:
    """A daemon on the running loop, from its start to its end.

    :param read: returns the configuration, at start and again at each reload
    :param circus: the part of it that says which extensions to leave out
    :param signals: those of SIGTERM, SIGINT, SIGQUIT and SIGHUP that it shall heed; main thread only
    :param commands: those that the program brings
    :param faces: stands for arbiter and watchers where hooks meet them
    :param sockets: managed sockets that the caller has bound, by name
    """

    def __init__(
        self,
        read: Read,
        circus: CircusConfig,
        *,
        signals: Iterable[signal.Signals] = (),
        context: zmq.Context[Any] | None = None,
        commands: Iterable[Command[Any]] = (),
        faces: Faces | None = None,
        sockets: Mapping[str, Socket] | None = None,
    ) -> None:
        registry = Registry(circus.disable_extensions)
        for command in commands:
            registry.add_command(command)
        hooks = Hooks(registry)

        def load() -> Config:
            config = read(hooks.watcher_rows)
            errors = hooks.check_config(config)
            if errors:
                raise ConfigErrors(errors)
            return config

        self.daemon = Daemon(
            load(),
            spawner=DirectSpawner(closes_fds=True, check_delay=longest_delay(circus.check_delay)),
            registry=registry,
            hooks=hooks,
            load=load,
            reopen_logs=reopen_logs,
            context=context,
            faces=faces or DaemonFaces(),
            sockets=sockets,
        )
        self._signals = tuple(signals)
        self._task: asyncio.Task[None] | None = None
        self._is_ready = False
        self._is_given_up = False  # told to stop before it was ready

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._task is not None and self._task.done()

    @property
    def publisher(self) -> Publisher | None:
        """What publishes events; ``None`` without an endpoint for them."""
        return self.daemon.publisher

    async def start(self) -> None:
        """Return when every watcher that starts by itself has started or failed, or it was told to stop before.

        :raises CircusError: what stood in the way; nothing was started
        """
        ready = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(ready), name="circus")
        try:
            await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self.wait()
                return
            turns = asyncio.create_task(self._all_started())
            await asyncio.wait({turns, self._task}, return_when=asyncio.FIRST_COMPLETED)
            turns.cancel()
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop gracefully and return when all has ended."""
        self.begin_stop()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    def begin_stop(self) -> None:
        """Begin to stop gracefully."""
        if self._task is None or self._task.done():
            return
        if self._is_ready:
            self.daemon.quit()
        else:
            self._is_given_up = True
            # Not before its first step: what was never begun closes nothing.
            asyncio.get_running_loop().call_soon(self._task.cancel)

    async def wait(self) -> None:
        """Return when it has ended.

        :raises Exception: it ended by an error
        """
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._is_given_up:
                self._task.result()

    async def _run(self, ready: asyncio.Future[None]) -> None:
        daemon = self.daemon
        loop = asyncio.get_running_loop()
        does = {signum: daemon.reload if signum == signal.SIGHUP else daemon.quit for signum in self._signals}
        signals = SignalHandler(loop, does) if does else None

        def on_ready() -> None:
            self._is_ready = True
            ready.set_result(None)
            if signals is not None:
                signals.ready()

        try:
            await daemon.run(on_ready)
        finally:
            if signals is not None:
                signals.close()

    async def _all_started(self) -> None:
        arbiter = self.daemon.arbiter
        for watcher in arbiter.watchers():
            if watcher.config.autostart:
                await watcher.turn_over()


def config_of(
    watchers: Iterable[Mapping[str, Any]],
    sockets: Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]] = (),
    plugins: Iterable[Mapping[str, Any]] = (),
    circus: CircusConfig | None = None,
    rows: Mapping[str, Option] = table(WatcherConfig),
) -> Config:
    """Return the configuration that the options of a program describe.

    :param rows: the table of a watcher's options, with what extensions add to it
    :raises ConfigErrors: something is wrong; it holds every error
    """
    named = [{"name": name, **s} for name, s in sockets.items()] if isinstance(sockets, Mapping) else sockets
    errors: list[ConfigError] = []
    found = (
        _each(watchers, lambda given: _watcher(given, rows), errors),
        _each(named, lambda given: socket_config(str(given.get("name", "")), given), errors),
        _each(plugins, plugin_config, errors),
    )
    names = [watcher.name.lower() for watcher in found[0]]
    for name in {name for name in names if names.count(name) > 1}:
        errors.append(ConfigError(f"watcher:{name}", "name", name, why="two watchers have it", fix="rename one"))
    if errors:
        raise ConfigErrors(errors)
    return Config(circus=circus or CircusConfig(), watchers=found[0], sockets=found[1], plugins=found[2])


def _each(
    given: Iterable[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Any], errors: list[ConfigError]
) -> Any:
    found = []
    for options in given:
        try:
            found.append(make(options))
        except ConfigError as exc:
            errors.append(exc)
    return tuple(found)


def _watcher(given: Mapping[str, Any], rows: Mapping[str, Option]) -> Any:
    options = dict(given)
    cmd = options.pop("cmd", "")
    return watcher_config(str(options.pop("name", None) or default_name(cmd)), cmd, options, rows=rows)


def _reader(given: Given, sockets: Any, plugins: Any, options: Mapping[str, Any]) -> Read:
    """Return what reads the configuration, at start and again at each reload."""
    if isinstance(given, (str, os.PathLike)):
        return lambda rows: _changed(load(given, rows=rows), options)
    if isinstance(given, Config):
        return lambda rows: _changed(given, options)
    watchers = [given] if isinstance(given, Mapping) else list(given)

    def read(rows: Mapping[str, Option]) -> Config:
        try:
            circus = circus_config({**_SILENT, **options})
        except ConfigError as exc:
            raise ConfigErrors([exc]) from exc
        return config_of(watchers, sockets, plugins, circus, rows)

    return read


def _changed(config: Config, options: Mapping[str, Any]) -> Config:
    changed = circus_config(options)
    return replace(config, circus=replace(config.circus, **{name: getattr(changed, name) for name in options}))
