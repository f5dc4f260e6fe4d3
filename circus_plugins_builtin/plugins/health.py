"""The ``health`` plugin: probe watchers or their processes, act on those that are not well."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from circus_core import plugin_options
from circus_core.errors import CircusError, OptionError
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins import _health_probes as probes
from circus_plugins_builtin.plugins._health_options import Action, HealthOptions
from circus_plugins_builtin.plugins._health_probes import ProbeError

logger: Final = logging.getLogger("circus")

_PREFIX: Final = "health."
_AT_ONCE: Final = 50  #: probes at the same time
_VARIABLE: Final = re.compile(r"\$\(circus\.(wid|pid|name)\)", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """What is probed: a watcher as a whole, or one of its processes."""

    watcher: str
    pid: int | None = None
    wid: int | None = None

    def __str__(self) -> str:
        return self.watcher if self.pid is None else f"{self.watcher} (pid {self.pid}, wid {self.wid})"

    def expand(self, text: str) -> str:
        """Return *text* with ``$(circus.wid)``, ``$(circus.pid)`` and ``$(circus.name)`` replaced."""
        values = {"wid": self.wid, "pid": self.pid, "name": self.watcher}
        return _VARIABLE.sub(lambda match: str(values[match[1].lower()]), text)

    @property
    def env(self) -> dict[str, str]:
        """The variables of a command that probes it."""
        values = {"WATCHER": self.watcher, "PID": self.pid, "WID": self.wid}
        return {f"CIRCUS_{name}": str(value) for name, value in values.items() if value is not None}


class Health(CircusPlugin):
    """Probe watchers or each of their processes by HTTP, TCP or a command, and act when one is not well.

    What is probed stands in the section of each watcher, as ``health.http = http://127.0.0.1:8080/ping``; the section
    of the plugin holds what all have in common. Event ``health`` of a watcher tells ``status`` (``healthy`` or
    ``unhealthy``), ``error`` and, for one process, ``process_pid`` and ``wid``.
    """

    name = "health"
    options_type = HealthOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self._tasks: dict[Target, asyncio.Task[None]] = {}
        self._options: dict[str, HealthOptions] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def handle_sync(self, statuses: dict[str, str]) -> None:
        """Begin with what is there."""
        for watcher in list(self._options):
            self._forget(watcher)
        for name, status in statuses.items():
            if status == "active" and not name.startswith("plugin:"):
                await self._begin(name)

    async def handle_recv(self, data: Sequence[bytes]) -> None:
        topic_name, action, message = self.split_data(data)
        if topic_name.startswith("plugin:") or action not in _HANDLED:
            return
        if action in {"stop", "remove"}:
            self._forget(self.watcher_name(topic_name))
        elif action in {"start", "updated"}:
            await self._begin(self.watcher_name(topic_name))
        else:
            self._process_changed(self.watcher_name(topic_name), action, self.load_message(message))

    async def handle_stop(self) -> None:
        for watcher in list(self._options):
            self._forget(watcher)

    async def _begin(self, name: str) -> None:
        """Read what a watcher says of its health, and probe it as it says."""
        self._forget(name)
        reply = await self.call_async("options", name=name)
        try:
            options = _merged(self.config, reply.get("options", {}))
        except OptionError as exc:
            logger.error("%s: [watcher:%s] health.%s", self.label, name, exc)
            return
        if not options.has_probe:
            return
        self._options[name] = options
        if not options.is_per_process:
            self._probe(Target(name), time.time())
            return
        for pid, info in (await self.call_async("stats", name=name)).get("info", {}).items():
            if isinstance(info, dict):
                self._probe(Target(name, int(pid), info["wid"]), info["started"])

    def _forget(self, watcher: str) -> None:
        self._options.pop(watcher, None)
        for target in [target for target in self._tasks if target.watcher == watcher]:
            self._tasks.pop(target).cancel()

    def _process_changed(self, watcher: str, action: str, message: Mapping[str, Any]) -> None:
        options = self._options.get(watcher)
        if options is None or not options.is_per_process:
            return
        pid = message["process_pid"]
        for target in [target for target in self._tasks if target.pid == pid]:
            self._tasks.pop(target).cancel()
        if action == "spawn":
            self._probe(Target(watcher, pid, message["wid"]), message["time"])

    def _probe(self, target: Target, began: float) -> None:
        task = asyncio.get_running_loop().create_task(self._look_after(target, self._options[target.watcher], began))
        self._tasks[target] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("%s: a probe ended", self.label, exc_info=exc)

    async def _look_after(self, target: Target, options: HealthOptions, began: float) -> None:
        """Probe a target until it is gone.

        :param began: Unix time of its start
        """
        state = _State(options, began)
        while True:
            try:
                async with self._slots:
                    await _ask(target, options)
            except ProbeError as exc:
                if state.failed(time.time()):
                    await self._unhealthy(target, options, str(exc))
                    state.acted(options.action, time.time())
            else:
                if state.succeeded():
                    logger.info("%s: %s is healthy", self.label, target)
                    self._tell(target, status="healthy")
            await asyncio.sleep(options.interval)

    async def _unhealthy(self, target: Target, options: HealthOptions, error: str) -> None:
        logger.warning("%s: %s is unhealthy (%s): %s", self.label, target, options.action, error)
        self._tell(target, status="unhealthy", error=error)
        try:
            reply = await self._act(target, options)
        except CircusError as exc:
            reply = {"reason": str(exc)}
        if reply.get("reason"):
            logger.warning("%s: %s of %s: %s", self.label, options.action, target, reply["reason"])

    async def _act(self, target: Target, options: HealthOptions) -> Mapping[str, Any]:
        pid = {} if target.pid is None else {"pid": target.pid}
        if options.action == Action.SIGNAL.value:
            return await self.call_async("signal", name=target.watcher, signum=options.signal, **pid)
        if options.action == Action.RESTART.value and pid:
            return await self.call_async("kill", name=target.watcher, **pid)
        if options.action == Action.RESTART.value:
            return await self.call_async("restart", name=target.watcher, match="simple")
        return {}

    def _tell(self, target: Target, **data: Any) -> None:
        if target.pid is not None:
            data.update(process_pid=target.pid, wid=target.wid)
        self.cast("publish", name=target.watcher, action="health", data=data)


_HANDLED: Final = {"start", "stop", "remove", "updated", "spawn", "reap", "kill"}


class _State:
    """How a target did in its last probes."""

    def __init__(self, options: HealthOptions, began: float) -> None:
        self._options = options
        self._grace_until = began + options.grace
        self._is_healthy = True
        self._row = 0  # of results that say otherwise

    def succeeded(self) -> bool:
        """Note a success and tell if the target just became healthy."""
        self._grace_until = 0.0
        self._row = 0 if self._is_healthy else self._row + 1
        if self._is_healthy or self._row < self._options.successes:
            return False
        self._is_healthy, self._row = True, 0
        return True

    def failed(self, now: float) -> bool:
        """Note a failure and tell if the target just became unhealthy."""
        if now < self._grace_until:
            return False
        self._row = self._row + 1 if self._is_healthy else 0
        if not self._is_healthy or self._row < self._options.failures:
            return False
        self._is_healthy, self._row = False, 0
        return True

    def acted(self, action: str, now: float) -> None:
        """Note that something was done: the target gets its grace again, and counts as healthy until it fails again."""
        if action != Action.EVENT.value:
            self._grace_until, self._is_healthy = now + self._options.grace, True


async def _ask(target: Target, options: HealthOptions) -> None:
    if options.http:
        await probes.http(target.expand(options.http), options.timeout)
    if options.tcp:
        await probes.tcp(target.expand(options.tcp), options.timeout)
    if options.command:
        await probes.command(target.expand(options.command), options.timeout, target.env)


def _merged(common: Mapping[str, Any], options: Mapping[str, Any]) -> HealthOptions:
    own = {key.removeprefix(_PREFIX): value for key, value in options.items() if key.startswith(_PREFIX)}
    return plugin_options.read(HealthOptions, {**common, **own})
