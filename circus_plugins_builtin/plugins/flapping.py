"""The ``flapping`` plugin: stop what dies again and again, try it later, give it up in the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from circus_core import plugin_options
from circus_core.errors import OptionError
from circus_core.events import res_name
from circus_core.plugin import CircusPlugin
from circus_plugins_builtin.plugins._flapping_options import FlappingOptions, WatcherFlapping

logger: Final = logging.getLogger("circus")

_PREFIX: Final = "flapping."


class Flapping(CircusPlugin):
    """Stop a watcher whose processes die again and again, try it later, give it up in the end.

    A watcher has options of its own as ``flapping.attempts``, ``flapping.window``, ``flapping.retry_in``,
    ``flapping.max_retry`` and ``flapping.active`` in its section. Deaths that the daemon was asked for, as by ``stop``
    or ``restart``, do not count. Event ``flapping`` of the watcher tells ``status`` (``waiting`` or ``given_up``),
    ``tries`` and, while it waits, ``retry_in``.
    """

    name = "flapping"
    options_type = FlappingOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.attempts: int = self.options.attempts
        self.window: float = self.options.window
        self.retry_in: float = self.options.retry_in
        self.max_retry: int = self.options.max_retry
        self.timelines: dict[str, list[float]] = {}
        self.timers: dict[str, object] = {}
        self.tries: dict[str, int] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self._given_up: set[str] = set()
        self._told_to_die: dict[str, set[int]] = {}

    def handle_sync(self, statuses: dict[str, str]) -> None:
        """Compare with what is there: events may have been missed, and somebody may have started what was stopped."""
        now = {res_name(name): status for name, status in statuses.items()}
        for watcher in {*self.timers, *self.tries, *self.timelines, *self.configs, *self._given_up}:
            if watcher not in now:
                self.forget(watcher)
            elif now[watcher] != "stopped" and (watcher in self.timers or watcher in self._given_up):
                self.reset(watcher)
        self.timelines.clear()
        self.configs.clear()
        self._told_to_die.clear()

    def handle_recv(self, data: Sequence[bytes]) -> None:
        watcher, action, message = self.split_data(data)
        if action in {"kill", "reap", "spawn"}:
            self._process_changed(watcher, action, self.load_message(message) if message else {})
        elif action == "updated":
            self.update_conf(watcher)
        elif action == "remove":
            self.forget(watcher)
        elif action == "start" and (watcher in self.timers or watcher in self._given_up):
            self.reset(watcher)  # somebody else started it

    def handle_stop(self) -> None:
        for watcher in self.timers:
            name = self.watcher_name(watcher)
            logger.warning("%s: %s waits and will not be tried again; circusctl start %s", self.label, name, name)

    def check(self, watcher: str) -> None:
        """Stop a watcher whose last deaths came too soon one after the other."""
        config = self._config_of(watcher)
        timeline = self.timelines.get(watcher, [])
        if not config["active"] or len(timeline) < config["attempts"]:
            return
        duration = timeline[-1] - timeline[0] - self.check_delay
        self.timelines.pop(watcher)
        if duration > config["window"]:
            self.tries.pop(watcher, None)
        elif config["max_retry"] == -1 or self.tries.get(watcher, 0) < config["max_retry"]:
            self._retry_later(watcher, config["retry_in"])
        else:
            self._give_up(watcher)

    def update_conf(self, watcher: str) -> None:
        """Read what the section of a watcher says of flapping."""
        reply = self.call("options", name=self.watcher_name(watcher))
        given = {
            key.removeprefix(_PREFIX): value
            for key, value in reply.get("options", {}).items()
            if key.startswith(_PREFIX)
        }
        try:
            options = plugin_options.read(WatcherFlapping, {**asdict(self.options), **given})
        except OptionError as exc:
            logger.warning("%s: [watcher:%s] flapping.%s", self.label, self.watcher_name(watcher), exc)
            options = WatcherFlapping(**asdict(self.options))
        self.configs[watcher] = asdict(options)

    def reset(self, watcher: str) -> None:
        """Let a watcher begin with a clean slate."""
        timer = self.timers.pop(watcher, None)
        if timer is not None:
            self.loop.remove_timeout(timer)
        self.timelines.pop(watcher, None)
        self.tries.pop(watcher, None)
        self._given_up.discard(watcher)

    def forget(self, watcher: str) -> None:
        """Let a watcher be unknown."""
        self.reset(watcher)
        self.configs.pop(watcher, None)
        self._told_to_die.pop(watcher, None)

    def _config_of(self, watcher: str) -> Mapping[str, Any]:
        if watcher not in self.configs:
            self.update_conf(watcher)
        return self.configs[watcher]

    def _process_changed(self, watcher: str, action: str, message: Mapping[str, Any]) -> None:
        told, pid = self._told_to_die.setdefault(watcher, set()), message.get("process_pid", 0)
        if action == "kill":
            told.add(pid)
        elif action == "reap" and pid not in told:
            # Until it is started again, what still dies belongs to the same bout.
            if watcher not in self.timers and watcher not in self._given_up:
                self.timelines.setdefault(watcher, []).append(message.get("time", time.time()))
                self.check(watcher)
        else:
            told.discard(pid)

    def _retry_later(self, watcher: str, delay: float) -> None:
        name = self.watcher_name(watcher)
        tries = self.tries[watcher] = self.tries.get(watcher, 0) + 1
        logger.info("%s: flapping detected: %s is stopped, retry in %gs (try %d)", self.label, name, delay, tries)
        self.timers[watcher] = self.loop.call_later(delay, self._retry, watcher)
        self.cast("stop", name=name, match="simple")
        self._tell(name, status="waiting", tries=tries, retry_in=delay)

    def _retry(self, watcher: str) -> None:
        del self.timers[watcher]
        self.cast("start", name=self.watcher_name(watcher), match="simple")

    def _give_up(self, watcher: str) -> None:
        name, tries = self.watcher_name(watcher), self.tries.pop(watcher, 0)
        logger.warning("%s: %s still dies after %d retries and is given up", self.label, name, tries)
        self._given_up.add(watcher)
        self.cast("stop", name=name, match="simple")
        self._tell(name, status="given_up", tries=tries)

    def _tell(self, name: str, **data: Any) -> None:
        self.cast("publish", name=name, action="flapping", data=data)
