"""The two streams of a watcher, and the pipes that lead to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from circus_core.interfaces import Chunk, Stream
from circus_core.options import StreamConfig, WatcherConfig
from circus_core.outlets import OUTPUTS, has_pipe, ring_size
from circus_core.output import Target, Token, make_stream
from circus_core.process import Process
from circus_core.services import Services, logger
from circus_core.spawner import Spawned


class WatcherOutput:
    """Opens a watcher's streams when it starts, closes them when it stops, joins its processes to them."""

    def __init__(self, config: WatcherConfig, services: Services, key: int) -> None:
        self._key = key
        self._config = config
        self._services = services
        self._targets: dict[str, Target] = {}
        self._made: dict[str, tuple[StreamConfig, Stream]] = {}
        self._joined: dict[str, set[Token]] = {name: set() for name in OUTPUTS}
        self._rings = services.pump.rings.of(config.name)
        self._rings.resize(ring_size(config))

    def reconfigure(self, config: WatcherConfig) -> None:
        """Take another configuration; a stream that is open is replaced at once by one that differs."""
        self._config = config
        self._rings.resize(ring_size(config))
        for name, target in list(self._targets.items()):
            # What still has a pipe goes on writing to it until it is replaced.
            conf = _stream_of(config, name) or _own(name)
            if conf == self._made[name][0]:
                self._services.pump.set_on_error(target, config.stream_on_error)
                continue
            self._open(name, conf)
            self._services.pump.move(self._joined[name], self._targets[name])
            self._services.pump.close_target(target)

    def open(self) -> None:
        """Open the streams that are not open yet."""
        for name in OUTPUTS:
            conf = _stream_of(self._config, name)
            if conf is not None and name not in self._targets:
                self._open(name, conf)

    def close(self) -> None:
        """Close the streams, once all that was read is written."""
        for target in self._targets.values():
            self._services.pump.close_target(target)
        self._targets.clear()

    def reopen(self) -> None:
        """Open the targets of the streams anew, as log rotation expects."""
        for target in self._targets.values():
            self._services.pump.reopen_target(target)

    def stream(self, name: str) -> Stream | None:
        """Return the stream called ``stdout`` or ``stderr`` while it is open."""
        return self._made[name][1] if name in self._targets else None

    def lost(self) -> int:
        """Return how many bytes no stream took."""
        return self._services.pump.lost(self._config.name)

    def errors(self) -> dict[str, str]:
        """Return why a stream fails now, by name, of those that do."""
        reports = {name: target.report().error for name, target in self._targets.items()}
        return {name: error for name, error in reports.items() if error is not None}

    def attach(self, process: Process, spawned: Spawned) -> None:
        """Move what *process* prints to the streams."""
        tokens = []
        for name, fd in zip(OUTPUTS, (spawned.stdout, spawned.stderr), strict=True):
            if fd is None:
                continue
            if name not in self._targets:
                self._open(name, _stream_of(self._config, name) or _own(name))
            token = self._services.pump.add(
                fd,
                self._targets[name],
                watcher=self._config.name,
                wid=process.wid,
                pid=process.pid,
                name=name,
                rings=self._rings,
                child=process.child,
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
        except Exception as exc:  # the constructor may be a stranger's
            logger.error("[%s] class = %r cannot be made: %s; its output is lost", where, conf.class_name, exc)
            stream = _Unmade(f"{conf.class_name!r} cannot be made: {exc}")
        self._made[name] = conf, stream
        self._targets[name] = self._services.pump.target(
            stream, name=where, on_error=self._config.stream_on_error, owner=(self._key, 1 if name == "stdout" else 2)
        )


def _stream_of(config: WatcherConfig, name: str) -> StreamConfig | None:
    conf: StreamConfig | None = getattr(config, f"{name}_stream")
    return conf if conf is not None or not has_pipe(config, name) else _own(name)


def _own(name: str) -> StreamConfig:
    """Return the stream that passes output on to ``circusd``'s own."""
    return StreamConfig("FileStream", {"filename": f"/dev/{name}"})


class _Unmade(Stream):
    """Stands for a stream that could not be made: each chunk is a fault."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def write(self, chunk: Chunk) -> None:
        raise OSError(self._reason)
