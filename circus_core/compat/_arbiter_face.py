"""What an arbiter's face does with the core's arbiter that serves now."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from circus_core._execution import execute
from circus_core.compat._gate import Future, Gate, done
from circus_core.compat.sockets import CircusSocket, CircusSockets
from circus_core.compat.watcher import Watcher
from circus_core.errors import AlreadyExistsError, ConflictError, LibraryError
from circus_core.interfaces import ArbiterHandle, Change, WatcherHandle
from circus_core.keywords import circus_config
from circus_core.options import CircusConfig

if TYPE_CHECKING:
    from circus_core.arbiter import Arbiter as CoreArbiter

logger = logging.getLogger("circus")

T = TypeVar("T")
WatcherIter = Callable[..., Iterable[Watcher]]


class ArbiterOption:
    """One option of ``[circus]``; what is assigned counts from the next start."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, arbiter: ArbiterFace | None, owner: type[Any] | None = None) -> Any:
        return self if arbiter is None else getattr(arbiter._now, self._name)

    def __set__(self, arbiter: ArbiterFace, value: Any) -> None:
        changed = circus_config({self._name: value})
        options: dict[str, Any] = {self._name: getattr(changed, self._name)}
        arbiter._circus = replace(arbiter._circus, **options)


class ArbiterFace:
    """The watchers of an arbiter and what can be done with them.

    :param gate: the way to the loop of the core's arbiter
    """

    check_delay = ArbiterOption()
    debug = ArbiterOption()
    debug_gc = ArbiterOption()
    endpoint_owner = ArbiterOption()
    fqdn_prefix = ArbiterOption()
    httpd = ArbiterOption()
    httpd_close_outputs = ArbiterOption()
    httpd_host = ArbiterOption()
    httpd_port = ArbiterOption()
    multicast_endpoint = ArbiterOption()
    pidfile = ArbiterOption()
    statsd = ArbiterOption()
    statsd_close_outputs = ArbiterOption()
    umask = ArbiterOption()
    warmup_delay = ArbiterOption()

    def __init__(self, config: CircusConfig, gate: Gate) -> None:
        self._gate = gate
        self._core: CoreArbiter | None = None
        self._faces: dict[str, Watcher] = {}
        self._own: set[str] = set()  #: keys of those that the program gave it
        self._circus = config
        self.sockets = CircusSockets()
        self.config_file: str | None = None
        self.pid = os.getpid()
        self.prereload_fn: Callable[[Any], object] | None = None
        self.socket_event = False

    # -- how the core tells it, see circus_core.faces -----------------------------------------------------------

    def arbiter_made(self, arbiter: Any) -> None:
        """Show *arbiter* from now on."""
        self._core = arbiter
        for watcher in self._faces.values():
            watcher._unbind()
        for core in arbiter.watchers():
            self._face(core)

    def of(self, watcher: WatcherHandle, arbiter: ArbiterHandle) -> tuple[Any, Any]:
        """Return the faces that a hook is given."""
        return self._face(watcher), self

    def before_reload(self, watcher: WatcherHandle | None) -> None:
        """Call the ``prereload_fn`` of a watcher, or its own."""
        face: Any = self if watcher is None else self._face(watcher)
        if face.prereload_fn is not None:
            try:
                face.prereload_fn(face)
            except Exception:  # a stranger's function must not cost the reload
                logger.exception("prereload_fn of %r failed", face)

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def watchers(self) -> list[Watcher]:
        """All watchers."""
        core = self._core
        return list(self._faces.values()) if core is None else self._gate.call(lambda: self._all(core))

    @property
    def endpoint(self) -> str:
        """Where commands are taken."""
        return self._circus.endpoint if self._core is None else self._core.endpoint

    @property
    def pubsub_endpoint(self) -> str:
        """Where events are published."""
        return self._circus.pubsub_endpoint if self._core is None else self._core.pubsub_endpoint

    @property
    def stats_endpoint(self) -> str | None:
        """Where statistics are published, ``None`` without them."""
        return self._now.stats_endpoint if self._now.statsd else None

    @property
    def endpoint_owner_mode(self) -> bool:
        """Whether the endpoint is a file that belongs to another user."""
        return self._now.endpoint_owner is not None and self.endpoint.startswith("ipc://")

    @cached_property
    def fqdn(self) -> str:
        """The name of this machine, behind ``fqdn_prefix@`` where there is one."""
        return f"{self.fqdn_prefix}@{socket.getfqdn()}" if self.fqdn_prefix else socket.getfqdn()

    @property
    def running(self) -> bool:
        """Whether it runs and is not about to end."""
        core = self._core
        return core is not None and not core.is_stopping

    def get_watcher(self, name: str) -> Watcher:
        """Return the watcher of that name, whatever its case.

        :raises KeyError: there is none
        """
        return {watcher.name.lower(): watcher for watcher in self.watchers}[name.lower()]

    def get_socket(self, name: str) -> CircusSocket | None:
        """Return a managed socket, ``None`` when there is none of that name."""
        return self.sockets.get(name)

    def iter_watchers(self, reverse: bool = True) -> list[Watcher]:
        """Return the watchers by priority, the highest first unless *reverse* is false."""
        return sorted(self.watchers, key=lambda watcher: watcher.priority, reverse=reverse)

    def numwatchers(self) -> int:
        """Return how many watchers there are."""
        return len(self.watchers)

    def numprocesses(self) -> int:
        """Return how many processes run."""
        return sum(len(watcher.processes) for watcher in self.watchers)

    def statuses(self) -> dict[str, str]:
        """Return the status of each watcher by name."""
        return {watcher.name: watcher.status() for watcher in self.watchers}

    @staticmethod
    def get_arbiter_config(config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of ``[circus]`` in what ``get_config`` returned."""
        return {name: value for name, value in config.items() if name not in {"watchers", "plugins", "sockets"}}

    def get_watcher_config(self, config: Mapping[str, Any], name: str) -> Any:
        """Return the options of a watcher in what ``get_config`` returned, ``None`` when it is not in it."""
        return _named(config["watchers"], name)

    def get_plugin_config(self, config: Mapping[str, Any], name: str) -> Any:
        """Return the options of a plugin in what ``get_config`` returned, ``None`` when it is not in it."""
        return _named(config["plugins"], name)

    def call(self, command: str, **props: Any) -> Future:
        """Do a command of the control protocol; comes to the keys of its reply.

        :raises LibraryError: the arbiter does not run
        """
        core = self._running()
        return self._gate.change(lambda: execute(core, command, props), lambda reply: reply)

    # -- what changes it ----------------------------------------------------------------------------------------

    def add_watcher(self, name: str, cmd: str, **kw: Any) -> Watcher:
        """Add a watcher, stopped, and return it.

        :param kw: options, as :class:`Watcher` takes them
        :raises AlreadyExistsError: the name is taken
        """
        return self._add(Watcher(name, cmd, **kw))

    def rm_watcher(self, name: str, nostop: bool = False) -> Future:
        """Remove a watcher, and stop it unless *nostop* leaves its processes to themselves.

        :raises KeyError: there is none of that name
        """
        watcher = self.get_watcher(name)
        self._own.discard(watcher.name.lower())
        del self._faces[watcher.name.lower()]
        if self._core is None:
            return done()
        return self._change(lambda core: core.remove_watcher(name, stop=not nostop), about=watcher._core)

    def start_watcher(self, watcher: Watcher) -> Future:
        """Start one watcher."""
        return watcher.start()

    def start_watchers(self, watcher_iter_func: WatcherIter | None = None) -> Future:
        """Start the watchers that start by themselves, by priority."""
        chosen = self._chosen(watcher_iter_func)
        return self._change(lambda core: core.start_watchers(chosen))

    def stop_watchers(self, watcher_iter_func: WatcherIter | None = None) -> Future:
        """Stop the watchers."""
        chosen = self._chosen(watcher_iter_func)
        return self._change(lambda core: core.stop_watchers(chosen))

    def reload(self, graceful: bool = True, sequential: bool = False) -> Future:
        """Reload all watchers one after the other, by priority."""
        return self._change(lambda core: core.reload_watchers(graceful=graceful, sequential=sequential))

    def restart(self, inside_circusd: bool = False, watcher_iter_func: WatcherIter | None = None) -> Future:
        """Stop everything, read the configuration anew, and start again; comes when everything has stopped."""
        if watcher_iter_func is not None:
            chosen = self._chosen(watcher_iter_func) or []
            return self._change(lambda core: core.restart_watchers(chosen))
        return self._change(lambda core: _now(core.restart()))

    def reload_from_config(self, config_file: str | None = None, inside_circusd: bool = False) -> Future:
        """Read the configuration file anew and apply what differs.

        :param config_file: read this one from now on
        """
        self.config_file = config_file or self.config_file
        return self._change(lambda core: _now(core.reload_config()))

    def manage_watchers(self) -> Future:
        """Return when every watcher has as many processes as it should have; each sees to that by itself."""
        return self._change(lambda core: _all([w.resize(w.numprocesses) for w in core.watchers()]))

    def reap_processes(self) -> None:
        """Do nothing: the end of a process is noticed when it happens."""

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> CircusConfig:
        return self._circus if self._core is None else self._core.config

    @property
    def _watchers_names(self) -> dict[str, Watcher]:
        return {watcher.name.lower(): watcher for watcher in self.watchers}

    def _add(self, watcher: Watcher) -> Watcher:
        key = watcher.name.lower()
        core = self._core
        if key in self._faces and (core is None or any(w.name.lower() == key for w in self.watchers)):
            raise AlreadyExistsError(f"{watcher.name!r} already exist")
        watcher.arbiter = self
        self._faces[key] = watcher
        self._own.add(key)
        if core is not None:
            self._gate.call(lambda: core.add_watcher(watcher._config))
            self._gate.call(lambda: self._all(core))
        return watcher

    def _all(self, core: CoreArbiter) -> list[Watcher]:
        """Return the face of each watcher, and forget those of watchers that are gone."""
        faces = [self._face(watcher) for watcher in core.watchers()]
        self._faces = {face.name.lower(): face for face in faces}
        return faces

    def _face(self, core: Any) -> Watcher:
        key = core.name.lower()
        face = self._faces.get(key)
        if face is None or face._core not in (None, core):
            face = self._faces[key] = Watcher._of(core.config)
        if face._core is None:
            face.arbiter, face.sockets, face.loop = self, self.sockets, getattr(self, "loop", None)
            face._bind(core, self._gate)
        return face

    def _chosen(self, watcher_iter_func: WatcherIter | None) -> list[Any] | None:
        if watcher_iter_func is None:
            return None
        return [face._core for face in watcher_iter_func() if face._core is not None]

    def _running(self) -> CoreArbiter:
        if self._core is None:
            raise LibraryError("the arbiter does not run; call start() first")
        return self._core

    def _change(self, begin: Callable[[CoreArbiter], Any], about: object = None) -> Future:
        core = self._running()
        if core.is_stopping:
            raise ConflictError("arbiter is already running arbiter_stop command")
        return self._gate.change(lambda: begin(core), lambda _: None, about=about)


async def _now(change: Any) -> Any:
    """Await a change that takes a moment to be accepted."""
    accepted: Change = await change
    return await accepted


async def _all(changes: list[Change]) -> None:
    await asyncio.gather(*changes)


def _named(options: Iterable[Mapping[str, Any]], name: str) -> Any:
    return next((each for each in options if each.get("name") == name), None)
