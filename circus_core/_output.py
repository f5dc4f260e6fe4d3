"""The two streams of a watcher, and the pipes that lead to them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from circus_core.errors import CircusError
from circus_core.options import StreamConfig, WatcherConfig
from circus_core.output import Target, Token, make_stream
from circus_core.process import Process
from circus_core.services import Services, logger
from circus_core.spawner import Spawned

_NAMES: Final = ("stdout", "stderr")


class WatcherOutput:
    """Opens a watcher's streams when it starts, closes them when it stops, joins its processes to them."""

    def __init__(self, config: WatcherConfig, services: Services) -> None:
        self._config = config
        self._services = services
        self._targets: dict[str, Target] = {}
        self._joined: dict[str, set[Token]] = {name: set() for name in _NAMES}

    def reconfigure(self, config: WatcherConfig) -> None:
        """Take another configuration; a stream that is open is replaced at once by one that differs."""
        old, self._config = self._config, config
        for name in list(self._targets):
            conf = _stream(config, name)
            if conf != _stream(old, name):
                before = self._targets.pop(name)
                if conf is not None:
                    self._open(name, conf)
                    if name in self._targets:
                        self._services.pump.move(self._joined[name], self._targets[name])
                self._services.pump.close_target(before)

    def open(self) -> None:
        """Open the streams that are not open yet."""
        for name in _NAMES:
            conf = _stream(self._config, name)
            if conf is not None and name not in self._targets:
                self._open(name, conf)

    def close(self) -> None:
        """Close the streams, once all that was read is written."""
        for target in self._targets.values():
            self._services.pump.close_target(target)
        self._targets.clear()

    def attach(self, process: Process, spawned: Spawned) -> None:
        """Move what *process* prints to the streams."""
        tokens = []
        for name, fd in zip(_NAMES, (spawned.stdout, spawned.stderr), strict=True):
            if fd is None:
                continue
            conf = _stream(self._config, name)
            if name not in self._targets and conf is not None:
                self._open(name, conf)
            target = self._targets.get(name)
            if target is None:
                os.close(fd)
                continue
            token = self._services.pump.add(
                fd, target, watcher=self._config.name, wid=process.wid, pid=process.pid, name=name
            )
            tokens.append(token)
            self._joined[name].add(token)
        process.tokens = tuple(tokens)

    def finish(self, process: Process, done: Callable[[], None]) -> None:
        """Deliver what *process* printed before it died, then call *done* on the loop."""
        tokens, process.tokens = process.tokens, ()
        if not tokens:
            done()
            return
        for joined in self._joined.values():
            joined.difference_update(tokens)
        loop = asyncio.get_running_loop()
        self._services.pump.finish(tokens, lambda: loop.call_soon_threadsafe(done))

    def _open(self, name: str, conf: StreamConfig) -> None:
        where = f"watcher:{self._config.name} {name}_stream"
        try:
            stream = make_stream(conf.class_name, conf.options, self._services.registry.stream)
        except (CircusError, TypeError, ValueError, OSError) as exc:
            logger.error("[%s] class = %r cannot be made: %s; its output is lost", where, conf.class_name, exc)
            return
        self._targets[name] = self._services.pump.target(stream, name=where)


def _stream(config: WatcherConfig, name: str) -> StreamConfig | None:
    return config.stdout_stream if name == "stdout" else config.stderr_stream
