"""Applies what a configuration file that was read anew changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from circus_core._bind import Address
from circus_core._diff import Action, Difference, diff
from circus_core.config import Config
from circus_core.errors import CommandFailedError, ConfigErrors, MessageError, SocketErrors, UnknownWatcherError
from circus_core.interfaces import Outcome, ReloadPlan, ReloadStep
from circus_core.options import OnChange, SocketConfig, WatcherConfig
from circus_core.services import Services, logger
from circus_core.sockets import ManagedSocket, bind_all, resolve
from circus_core.threads import in_thread

if TYPE_CHECKING:
    from circus_core.arbiter import Arbiter
    from circus_core.watcher import Watcher

_ADDRESS: tuple[str, ...] = ("host", "port", "family", "type", "path", "interface")


class Reloader:
    """Reads the configuration anew and brings the arbiter to it, touching only what differs.

    :param load: reads it; raises ``ConfigErrors``
    """

    def __init__(self, arbiter: Arbiter, services: Services, load: Callable[[], Config]) -> None:
        self._arbiter = arbiter
        self._services = services
        self._load = load

    async def read(self) -> Config:
        """Return the configuration as it is in the file now.

        :raises MessageError: it is bad, in all its errors
        """
        try:
            return await in_thread(self._load)
        except ConfigErrors as exc:
            raise _refused(exc) from exc

    async def plan(self) -> ReloadPlan:
        """Return what the file would change."""
        new = await self.read()
        difference = diff(self._arbiter.full_config, new, self._services.hooks.watcher_rows)
        steps = (
            ReloadStep(what=s.what, action=s.action.value, options=s.options, pids=self._cost(s.kind, s.name, s.action))
            for s in difference.steps
        )
        return ReloadPlan(steps=tuple(steps), restarts_daemon=difference.restarts_daemon)

    async def prepare(self) -> Awaitable[object]:
        """Read the file, bind what is new in it, and return what brings the rest about.

        :raises MessageError: the file is bad, or an address cannot be had; nothing was changed
        """
        new = await self.read()
        addresses = await self._resolve(new)
        old = self._arbiter.full_config
        difference = diff(old, new, self._services.hooks.watcher_rows)
        if difference.restarts_daemon:
            logger.info("restart: [circus] %s changed", ", ".join(difference.restarts_daemon))
            return self._arbiter.restart_with(new)
        bound, later = self._bind(old, new, difference, addresses)
        self._services.hooks.notify("circus_config_read", config=new)
        self._arbiter.take_config(new)
        return self._apply(new, difference, bound, later)

    async def resume(self, new: Config) -> None:
        """Go on to apply *new*, with which the arbiter before had begun."""
        difference = diff(self._arbiter.full_config, new, self._services.hooks.watcher_rows)
        self._arbiter.take_config(new)
        wanted: dict[tuple[str, str], object] = {("socket", config.name): config for config in new.sockets}
        wanted |= {("watcher", config.name): config for config in new.watchers}
        known: dict[tuple[str, str], object] = {("socket", n): s.config for n, s in self._services.sockets.items()}
        known |= {("watcher", watcher.name): watcher.config for watcher in self._arbiter.watchers()}
        # What is as it should be was done already; what changes hot is done again, which does no harm.
        left = [
            step
            for step in difference.steps
            if step.action is Action.CHANGE or wanted.get((step.kind, step.name)) != known.get((step.kind, step.name))
        ]
        difference = replace(difference, steps=tuple(left))
        names = difference.named("socket", Action.ADD, Action.RESTART)
        await self._apply(new, difference, [], [config for config in new.sockets if config.name in names])

    async def _resolve(self, new: Config) -> Mapping[str, Address]:
        try:
            return await in_thread(resolve, new.sockets)
        except SocketErrors as exc:
            raise _refused(exc) from exc

    def _bind(
        self, old: Config, new: Config, difference: Difference, addresses: Mapping[str, Address]
    ) -> tuple[list[ManagedSocket], list[SocketConfig]]:
        """Return the new sockets, bound, and those that must wait until their old selves are closed."""
        names = difference.named("socket", Action.ADD, Action.RESTART)
        taken = {_address(config) for config in old.sockets}
        wanted = [config for config in new.sockets if config.name in names]
        later = [config for config in wanted if _address(config) in taken]
        try:
            return bind_all((config for config in wanted if config not in later), addresses), later
        except SocketErrors as exc:
            raise _refused(exc) from exc

    async def _apply(
        self, new: Config, difference: Difference, bound: list[ManagedSocket], later: list[SocketConfig]
    ) -> None:
        try:
            await self._change_all(new, difference, bound, later)
        finally:
            self._arbiter.config_applied()

    async def _change_all(
        self, new: Config, difference: Difference, bound: list[ManagedSocket], later: list[SocketConfig]
    ) -> None:
        arbiter = self._arbiter
        configs = {config.name: config for config in new.watchers}
        # A command may have added a watcher of this name already: it becomes the one of the file.
        anew = self._watchers(difference.named("watcher", Action.RESTART, Action.ADD))
        removals = [arbiter.unregister(w) for w in self._watchers(difference.named("watcher", Action.REMOVE))]
        were_running = {w for w in anew if w.is_wanted}
        gone = difference.named("socket", Action.REMOVE, Action.RESTART)
        if gone or later:
            await _all([*removals, *(w.stop() for w in anew)])
            arbiter.forget_sockets()
            self._services.sockets.close(name for name in gone if name in self._services.sockets)
            await self._services.spawner.sync()
        self._services.sockets.adopt(bound)
        error = self._bind_later(later)
        changes = [*removals, *self._change_hot(difference, configs)]
        changes += [w.reconfigure(configs[w.name], OnChange.RESTART, command="reloadconfig") for w in anew]
        known = {w.name for w in anew}
        added = [arbiter.register(configs[n]) for n in difference.named("watcher", Action.ADD) if n not in known]
        idle = [w for w in anew if not w.is_wanted and (w in were_running or w.config.autostart)]
        changes.append(arbiter.start_in_turn([*idle, *(w for w in added if w.config.autostart)]))
        await _all(changes)
        if error is not None:
            raise CommandFailedError(str(error))

    def _change_hot(self, difference: Difference, configs: Mapping[str, WatcherConfig]) -> list[Awaitable[Outcome]]:
        """Change the options that need no restart, and leave what commands changed besides."""
        changes: list[Awaitable[Outcome]] = []
        for step in difference.steps:
            if step.kind == "watcher" and step.action is Action.CHANGE:
                fields = {name: getattr(configs[step.name], name) for name in step.options}
                for watcher in self._watchers([step.name]):
                    config = replace(watcher.config, **fields)
                    changes.append(watcher.reconfigure(config, OnChange.NOTHING, command="reloadconfig"))
        return changes

    def _bind_later(self, later: list[SocketConfig]) -> SocketErrors | None:
        try:
            self._services.sockets.adopt(bind_all(later))
        except SocketErrors as exc:
            logger.error("a changed socket cannot be bound:\n%s", exc)
            return exc
        return None

    def _watchers(self, names: Iterable[str]) -> list[Watcher]:
        """Return those that are there; a command may have removed one meanwhile."""
        found = []
        for name in names:
            try:
                found.append(self._arbiter.watcher(name))
            except UnknownWatcherError:
                continue
        return found

    def _cost(self, kind: str, name: str, action: Action) -> tuple[int, ...]:
        if kind != "watcher" or action not in (Action.RESTART, Action.REMOVE):
            return ()
        return tuple(pid for watcher in self._watchers([name]) for pid in watcher.pids())


def _refused(exc: Exception) -> MessageError:
    return MessageError(f"the configuration is refused, nothing was changed:\n{exc}")


def _address(config: SocketConfig) -> tuple[object, ...]:
    return tuple(getattr(config, name) for name in _ADDRESS)


async def _all(changes: Iterable[Awaitable[Outcome]]) -> None:
    results = await asyncio.gather(*changes, return_exceptions=True)
    failed = [str(error) for error in results if isinstance(error, CommandFailedError)]
    if failed:
        raise CommandFailedError("; ".join(failed))
