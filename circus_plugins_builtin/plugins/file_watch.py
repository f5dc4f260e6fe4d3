"""The ``file_watch`` plugin: reload or restart a watcher when files of its change."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, Final

from circus_core import plugin_options
from circus_core.errors import CircusError, OptionError
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._file_watch_options import FileWatchOptions
from circus_plugins_builtin.plugins._globs import Glob

try:
    from watchfiles import DefaultFilter, awatch
except ImportError as exc:
    raise ImportError(f"it needs watchfiles ({exc}): pip install 'circus[watch]'") from exc

logger: Final = logging.getLogger("circus")

_PREFIX: Final = "file_watch."
_GATHER: Final = 50  #: milliseconds in which changes come together
_RETRY_IN: Final = 5.0  #: seconds until a folder that is not there is looked for again


@dataclass
class _Watched:
    """A watcher with files.

    :ivar changed: what changed since the last action
    :ivar timer: of the next action
    """

    options: FileWatchOptions
    globs: Sequence[Glob]
    ignored: Sequence[Glob]
    changed: set[str] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None

    def heeds(self, path: str) -> bool:
        """Tell if a change of *path* counts."""
        return any(glob.matches(path) for glob in self.globs) and not any(glob.matches(path) for glob in self.ignored)


class FileWatch(CircusPlugin):
    """Reload a watcher, restart it or send it a signal when files of its have changed.

    Which files stands in the section of each watcher, as ``file_watch.paths = app/**/*.py settings.ini``; the section
    of the plugin holds what all have in common. Files that editors and version control keep for themselves do not
    count. Event ``file_change`` of the watcher tells ``paths`` and ``action``. Needs watchfiles:
    ``pip install 'circus[watch]'``.
    """

    name = "file_watch"
    options_type = FileWatchOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self._watched: dict[str, _Watched] = {}
        self._tasks: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._filter = DefaultFilter()

    async def handle_sync(self, statuses: dict[str, str]) -> None:
        """Watch the files of all watchers."""
        for name in list(self._watched):
            self._forget(name)
        for name in statuses:
            await self._begin(name)
        self._follow()

    async def handle_recv(self, data: Sequence[bytes]) -> None:
        topic_name, action, _ = self.split_data(data)
        if action in {"add", "updated"} and not topic_name.startswith("plugin:"):
            await self._begin(self.watcher_name(topic_name))
            self._follow()
        elif action == "remove":
            self._forget(self.watcher_name(topic_name))
            self._follow()

    def handle_stop(self) -> None:
        for name in list(self._watched):
            self._forget(name)
        self._follow()

    async def _begin(self, name: str) -> None:
        """Read what a watcher says of its files."""
        self._forget(name)
        options = (await self.call_async("options", name=name)).get("options", {})
        own = {key.removeprefix(_PREFIX): value for key, value in options.items() if key.startswith(_PREFIX)}
        try:
            read = plugin_options.read(FileWatchOptions, {**self.config, **own})
        except OptionError as exc:
            logger.error("%s: [watcher:%s] file_watch.%s", self.label, name, exc)
            return
        if read.paths and not name.startswith("plugin:"):
            folder = options.get("working_dir") or os.getcwd()
            self._watched[name] = _Watched(read, _globs(read.paths, folder), _globs(read.ignore, folder))

    def _forget(self, name: str) -> None:
        watched = self._watched.pop(name, None)
        if watched is not None and watched.timer is not None:
            watched.timer.cancel()

    def _follow(self) -> None:
        """Watch the folders that are wanted now, and no others."""
        wanted = {(glob.root, glob.is_deep) for watched in self._watched.values() for glob in watched.globs}
        for key in self._tasks.keys() - wanted:
            self._tasks.pop(key).cancel()
        for key in wanted - self._tasks.keys():
            self._tasks[key] = asyncio.get_running_loop().create_task(self._watch(*key))

    async def _watch(self, folder: str, is_deep: bool) -> None:
        while True:
            try:
                changes = awatch(folder, watch_filter=self._filter, debounce=_GATHER, step=_GATHER, recursive=is_deep)
                first = asyncio.ensure_future(anext(changes))
                await asyncio.sleep(0)  # it begins
                if not first.done():
                    logger.info("%s: watches %s", self.label, folder)
                self._changed({path for _, path in await first})
                async for found in changes:
                    self._changed({path for _, path in found})
            except FileNotFoundError:
                logger.warning("%s: there is no folder %s; it is looked for every %gs", self.label, folder, _RETRY_IN)
            except Exception:
                logger.exception("%s: %s cannot be watched, trying again in %gs", self.label, folder, _RETRY_IN)
            await asyncio.sleep(_RETRY_IN)

    def _changed(self, paths: Iterable[str]) -> None:
        for name, watched in self._watched.items():
            heeded = {path for path in paths if watched.heeds(path)}
            if heeded:
                watched.changed |= heeded
                if watched.timer is not None:
                    watched.timer.cancel()
                watched.timer = asyncio.get_running_loop().call_later(watched.options.debounce, self._act, name)

    def _act(self, name: str) -> None:
        watched = self._watched[name]
        paths, watched.changed, watched.timer = sorted(watched.changed), set(), None
        options = watched.options
        logger.info("%s: %s: %s after a change of %s", self.label, name, options.action, ", ".join(paths))
        try:
            if options.action == "signal":
                self.cast("signal", name=name, signum=options.signal)
            elif options.action == "restart":
                self.cast("restart", name=name, match="simple")
            elif options.action == "reload":
                self.cast("reload", name=name)
            self.cast("publish", name=name, action="file_change", data={"paths": paths, "action": options.action})
        except CircusError as exc:
            logger.warning("%s: %s", self.label, exc)


def _globs(texts: Iterable[str], folder: str) -> list[Glob]:
    return [Glob.of(text, folder) for text in texts]
