"""The object that owns the watchers and the sockets."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from circus_core import events
from circus_core._demand import DemandWatch
from circus_core._matching import matcher
from circus_core._past import Past
from circus_core._reloading import Reloader
from circus_core._tasks import Tasks
from circus_core._turns import Turns, all_of, finish
from circus_core._views import ExtensionInfo, OutputPage, OutputSource, Recovery, ReloadPlan, SocketView, Upgrade
from circus_core.changes import PendingChange, done
from circus_core.config import Config
from circus_core.errors import AlreadyExistsError, UnknownWatcherError, UpgradeError
from circus_core.estate import ARBITER, BASE, PENDING, Left
from circus_core.interfaces import Command, WatcherHandle
from circus_core.options import CircusConfig, WatcherConfig, make_watcher_config
from circus_core.output_reading import read_output
from circus_core.procinfo import Sampler
from circus_core.records import ArbiterRecord, End, dump, dump_config
from circus_core.services import Services, logger
from circus_core.threads import in_thread
from circus_core.watcher import Watcher


class Arbiter:
    """What commands do to the daemon; see :class:`circus_core.interfaces.ArbiterHandle`.

    :param endpoint: the address that it takes commands at
    :param pubsub_endpoint: the address that it publishes events at
    :param load: reads the configuration anew; raises ``ConfigErrors``
    :param on_end: called when everything has stopped
    :param left: what the arbiter before left, to go on from; :meth:`resume` does so
    """

    def __init__(
        self,
        config: Config,
        services: Services,
        *,
        endpoint: str,
        pubsub_endpoint: str,
        load: Callable[[], Config],
        on_end: Callable[[End], None],
        reopen_logs: Callable[[], None] = lambda: None,
        on_stopping: Callable[[], None] = lambda: None,
        upgrade: Callable[[str | None, float], Awaitable[Upgrade]] | None = None,
        left: Left | None = None,
    ) -> None:
        self._services = services
        self._endpoint = endpoint
        self._pubsub_endpoint = pubsub_endpoint
        self._watchers: dict[str, Watcher] = {}
        self._leaving: set[Watcher] = set()
        self._config = config
        self._on_end = on_end
        self._reopen_logs = reopen_logs
        self._on_stopping = on_stopping
        self._tasks = Tasks()
        self._end: End | None = None
        self._stopped = done()
        self._sampler = Sampler()
        self._demand = DemandWatch(services.sockets, lambda: [w for w in self._watchers.values() if w.config.on_demand])
        self._reloader = Reloader(self, services, load)
        self._turns = Turns(lambda watcher: self._watchers.get(watcher.name.lower()) is watcher, self._note)
        self._applying = 0  # configurations that were taken and are not yet applied
        self._past = Past.of(left)
        self._upgrade = upgrade
        if left is None:
            for watcher in config.watchers:
                self._watchers[watcher.name.lower()] = self._make(watcher)
            self.take_config(config)
            self.config_applied()
        else:
            self._restore(left)
        self._note()
        services.pump.rings.keep_only(self._watchers)

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def config(self) -> CircusConfig:
        return self._config.circus

    @property
    def endpoint(self) -> str:
        return self._endpoint

    @property
    def pubsub_endpoint(self) -> str:
        return self._pubsub_endpoint

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def is_stopping(self) -> bool:
        return self._end is not None

    @property
    def recovery(self) -> Recovery:
        return self._past.recovery

    @property
    def keeper_replacements(self) -> Recovery:
        return self._past.keeper_replacements

    @property
    def last_upgrade(self) -> Upgrade:
        return self._past.last_upgrade

    def keeper_replaced(self, pid: int) -> None:
        """Tell that another keeper is circusd from now on."""
        count = self._past.keeper_died()
        self._note()
        self._services.publish(events.KeeperReplaced(count=count, pid=pid))

    @property
    def full_config(self) -> Config:
        """The whole configuration that was read last."""
        return self._config

    def watchers(self) -> Sequence[Watcher]:
        """Return all watchers, in the order of the configuration, added ones last."""
        return list(self._watchers.values())

    def watcher(self, name: str) -> Watcher:
        """Return the watcher of that name, whatever its case."""
        watcher = self._watchers.get(name.lower())
        if watcher is None:
            raise UnknownWatcherError(name, (w.name for w in self._watchers.values()))
        return watcher

    def matching(self, pattern: str, how: str = "glob") -> Sequence[Watcher]:
        """Return the watchers whose name matches, at least one."""
        if how == "simple":
            return [self.watcher(pattern)]
        matches = matcher(pattern.lower(), how)
        found = [watcher for name, watcher in self._watchers.items() if matches(name)]
        if not found:
            raise UnknownWatcherError(pattern, (w.name for w in self._watchers.values()))
        return found

    def sockets(self) -> list[SocketView]:
        """Return the managed sockets, by number."""
        return self._services.sockets.views()

    def commands(self) -> Mapping[str, Command[Any]]:
        """Return the daemon's commands by name."""
        return self._services.registry.commands()

    def extensions(self) -> list[ExtensionInfo]:
        """Return everything that is installed for the daemon, broken ones too."""
        return self._services.registry.extensions()

    def publish(self, event: events.Event) -> None:
        """Send an event to whoever is subscribed."""
        self._services.publish(event)

    async def process_info(self, pids: Sequence[int], *, with_children: bool = True) -> dict[int, dict[str, Any] | str]:
        """Return the process-info object of each pid; nothing waits while ``/proc`` is read."""
        return await in_thread(self._sampler.sample, pids, with_children=with_children)

    async def read_output(
        self, sources: Sequence[OutputSource], *, lines: int, after: str | None = None, wait: float = 0.0
    ) -> OutputPage:
        """Return what processes printed, as far as it is kept."""
        return await read_output(self._services.pump.rings, sources, lines=lines, after=after, wait=wait)

    def parse_watcher(
        self, name: str, cmd: str, args: Any = None, options: Mapping[str, Any] | None = None
    ) -> WatcherConfig:
        """Return the configuration of a watcher given by command."""
        config = make_watcher_config(name, cmd, args, options or {}, rows=self._services.hooks.watcher_rows)
        self._services.hooks.require(config)
        return config

    # -- starting and stopping ----------------------------------------------------------------------------------

    def start_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> PendingChange:
        """Start several watchers, by priority, but those with ``autostart`` off."""
        return self.start_in_turn([w for w in self._chosen(watchers) if w.config.autostart])

    def start_in_turn(self, watchers: Sequence[WatcherHandle]) -> PendingChange:
        """Start *watchers*, by priority, each when the one before it has started or is held up."""
        return self._in_turn(self._chosen(watchers), lambda w: w.start(held=True))

    def stop_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> PendingChange:
        """Stop several watchers, all at the same time."""
        return self._bring_about(all_of([w.stop() for w in reversed(self._chosen(watchers))]))

    def restart_watchers(self, watchers: Sequence[WatcherHandle]) -> PendingChange:
        """Stop several watchers and start them again, by priority."""
        return self._in_turn(self._chosen(watchers), lambda w: w.restart(held=True))

    def reload_watchers(self, *, graceful: bool = True, sequential: bool = False) -> PendingChange:
        """Reopen log files and streams, then reload all watchers one after the other by priority."""
        self._services.faces.before_reload(None)
        self.reopen_logs()
        return self._bring_about(self._turns.reload(self._chosen(None), graceful=graceful, sequential=sequential))

    def reopen_logs(self) -> None:
        """Open log files and the targets of streams anew, as log rotation expects."""
        self._reopen_logs()
        self._services.pump.reopen()

    def quit(self) -> PendingChange:
        """Stop everything and end."""
        return self._stop_for(End.QUIT)

    async def restart(self) -> PendingChange:
        """Stop everything and start again from the configuration file."""
        return self.restart_with(await self._reloader.read())

    async def upgrade(self, python: str | None = None, *, timeout: float = 30.0) -> Upgrade:
        """Have another arbiter take over; it returns in that one."""
        if self._upgrade is None:
            raise UpgradeError("an arbiter inside another program cannot be replaced; upgrade that program")
        return await self._upgrade(python, timeout)

    def restart_with(self, config: Config) -> PendingChange:
        """Stop everything and start again from *config*."""
        self.take_config(config)
        self.config_applied()
        return self._stop_for(End.RESTART)

    # -- the set of watchers ------------------------------------------------------------------------------------

    def add_watcher(self, config: WatcherConfig, *, start: bool = False) -> PendingChange:
        """Register a watcher, stopped, then start it when asked."""
        if config.name.lower() in self._watchers:
            raise AlreadyExistsError(f"{config.name!r} already exist")
        watcher = self.register(config)
        self._services.publish(events.WatcherAdded(watcher=config.name))
        return watcher.start() if start else done()

    def register(self, config: WatcherConfig) -> Watcher:
        """Make a watcher of *config*, stopped, with no event."""
        watcher = self._watchers[config.name.lower()] = self._make(config)
        self._note()
        self._notify("circus_watcher_added", watcher=watcher)
        return watcher

    def remove_watcher(self, name: str, *, stop: bool = True) -> PendingChange:
        """Take a watcher out of all listings at once, then stop it or leave its processes running."""
        watcher = self.watcher(name)
        self._services.publish(events.WatcherRemoved(watcher=watcher.name))
        return self.unregister(watcher, stop=stop)

    def unregister(self, watcher: Watcher, *, stop: bool = True) -> PendingChange:
        """Take a watcher out of all listings, with no event of its own."""
        del self._watchers[watcher.name.lower()]
        watcher.leave()
        self._note()
        self._services.pump.rings.drop(watcher.name)
        self._notify("circus_watcher_removed", watcher=watcher)
        if not stop:
            watcher.abandon()
            return done()
        self._leaving.add(watcher)
        return self._send_off(watcher)

    def _send_off(self, watcher: Watcher) -> PendingChange:
        change = watcher.stop()
        self._tasks.run(self._see_off(watcher, change))
        return change

    # -- configuration ------------------------------------------------------------------------------------------

    async def plan_reload(self) -> ReloadPlan:
        """Read the config file anew and return what it would change."""
        return await self._reloader.plan()

    async def reload_config(self) -> PendingChange:
        """Read the config file anew and apply the difference."""
        return self._bring_about(await self._reloader.prepare())

    def forget_sockets(self) -> None:
        """Watch no socket for connections until a watcher waits again: some are about to be closed."""
        self._demand.close()

    def take_config(self, config: Config) -> None:
        """Let *config* be what was read last."""
        self._config = config
        self._applying += 1
        self._services.estate.note(PENDING, lambda: dump_config(config))

    def config_applied(self) -> None:
        """Note that what :meth:`take_config` announced is done."""
        self._applying -= 1
        if not self._applying:
            config = self._config
            self._services.estate.note(BASE, lambda: dump_config(config))
            self._services.estate.forget(PENDING)

    def forget(self) -> None:
        """Leave nothing of its watchers to the next arbiter: another one serves in its place."""
        for watcher in [*self._watchers.values(), *self._leaving]:
            watcher.forget()

    async def close(self) -> None:
        """End what still goes on; processes are left as they are."""
        self._demand.close()
        await self._tasks.close()
        for watcher in [*self._watchers.values(), *self._leaving]:
            await watcher.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _make(self, config: WatcherConfig, key: int | None = None) -> Watcher:
        return Watcher(config, self._services, self, on_waiting=self._demand.look, key=key)

    def _note(self) -> None:
        def record() -> ArbiterRecord:
            order = tuple(watcher.key for watcher in self._watchers.values())
            return self._past.note(ArbiterRecord(order=order, end=self._end, reloads=self._turns.reloads))

        self._services.estate.note(ARBITER, lambda: dump(record()))

    def _restore(self, left: Left) -> None:
        self._config = left.base
        listed = set(left.arbiter.order)
        for key, lost in sorted(left.watchers.items()):  # a later one has a higher key
            watcher = self._make(lost.config, key)
            if key in listed:
                self._watchers[lost.config.name.lower()] = watcher
            elif not lost.record.is_abandoned:
                self._leaving.add(watcher)
            watcher.restore(lost)

    def resume(self, left: Left) -> None:
        """Go on with what was under way in the arbiter before."""
        for watcher in list(self._leaving):
            self._send_off(watcher)
        watchers = self._chosen(None)
        self._tasks.run(self._turns.give([w for w in watchers if w.is_held], self.config.warmup_delay))
        for record in left.arbiter.reloads:
            unmet = [w for w in watchers if w.key in record.left]
            self._tasks.run(self._turns.reload(unmet, graceful=record.graceful, sequential=record.sequential))
        if left.pending is not None:
            self._tasks.run(self._reloader.resume(left.pending))
        if left.arbiter.end is not None:
            self._stop_for(left.arbiter.end)
        self._demand.look()
        if left.has_died:
            self._services.publish(left.recovered)

    def _chosen(self, watchers: Sequence[WatcherHandle] | None) -> list[Watcher]:
        names = list(self._watchers) if watchers is None else [w.name.lower() for w in watchers]
        chosen = [self._watchers[name] for name in names]
        return sorted(chosen, key=lambda w: -w.config.priority)

    def _in_turn(self, watchers: list[Watcher], begin: Callable[[Watcher], PendingChange]) -> PendingChange:
        changes = [begin(watcher) for watcher in watchers]
        self._tasks.run(self._turns.give(watchers, self.config.warmup_delay))
        return self._bring_about(all_of(changes))

    def _bring_about(self, work: Awaitable[object]) -> PendingChange:
        change = PendingChange()
        self._tasks.run(finish(work, change))
        return change

    def _stop_for(self, end: End) -> PendingChange:
        if self._end is None:
            self._stopped = PendingChange()
            self._tasks.run(self._stop_all(self._stopped))
        if self._end is not End.QUIT:
            self._end = end
            self._note()
            if end is End.QUIT:
                self._on_stopping()
        return self._stopped

    async def _stop_all(self, change: PendingChange) -> None:
        logger.info("stopping")
        self._notify("circus_daemon_stopping")
        self._demand.close()
        await finish(self.stop_watchers(), change)
        for watcher in list(self._leaving):
            await watcher.stop()
        assert self._end is not None
        self._on_end(self._end)

    async def _see_off(self, watcher: Watcher, change: PendingChange) -> None:
        await change
        self._leaving.discard(watcher)
        watcher.forget()

    def _notify(self, hook: str, **kwargs: Any) -> None:
        if self._services.hooks.has(hook):
            self._services.hooks.notify(hook, arbiter=self, **kwargs)
