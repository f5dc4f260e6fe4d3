"""The ``watchdog`` plugin: kill processes whose heartbeat went silent."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tornado.ioloop import PeriodicCallback

from circus_core.errors import OptionError
from circus_core.events import res_name
from circus_core.options import kinds, option
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._kinds import MILLISECONDS, PATTERN, PERIOD

logger: Final = logging.getLogger("circus")

_MAX_BYTES: Final = 1024  #: of a datagram
_NOT_THEIRS: Final = ("plugin:", "circusd-stats", "circushttpd")  # they send no heartbeat


@dataclass(frozen=True, kw_only=True)
class WatchDogOptions:
    """Options of :class:`WatchDog`."""

    loop_rate: float = option(PERIOD, 60.0, "Time between two looks.", unit="s")
    watchers_regex: re.Pattern[str] = option(
        PATTERN, re.compile(".*"), "Watchers to look after: their names, as in topics, begin with a match."
    )
    msg_regex: re.Pattern[str] = option(
        PATTERN, re.compile("^(?P<pid>.*);(?P<timestamp>.*)$"), "A heartbeat; its group ``pid`` tells of which process."
    )
    max_count: int = option(kinds.whole(1), 3, "Periods of silence after which a process is killed.")
    ip: str = option(kinds.NAME, "127.0.0.1", "Address to listen at.")
    port: int = option(kinds.PORT, 1664, "UDP port to listen at.")
    watchers_stop_signal: int | None = option(
        kinds.SIGNAL, None, "Signal to kill with; ``stop_signal`` of the watcher."
    )
    watchers_graceful_timeout: float | None = option(
        kinds.SECONDS, None, "Time until ``SIGKILL`` follows; ``graceful_timeout`` of the watcher.", unit="s"
    )

    def __post_init__(self) -> None:
        if "pid" not in self.msg_regex.groupindex:
            why, fix = "has no group named pid", "write it as in (?P<pid>[0-9]+)"
            raise OptionError("msg_regex", self.msg_regex.pattern, why=why, fix=fix)


class WatchDog(CircusPlugin):
    """Kill each process that sent no heartbeat, a UDP datagram ``PID;TIMESTAMP``, for too long.

    Its watcher then starts another one. Plugins, ``circusd-stats`` and ``circushttpd`` are never killed.
    """

    name = "watchdog"
    options_type = WatchDogOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.loop_rate: float = self.options.loop_rate
        self.max_count: int = self.options.max_count
        self.pid_status: dict[int, dict[str, Any]] = {}
        self.period: PeriodicCallback | None = None
        self._transport: asyncio.BaseTransport | None = None

    async def handle_init(self) -> None:
        address = (self.options.ip, self.options.port)
        try:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Receiver(self.heartbeat), local_addr=address
            )
        except OSError as exc:
            why, fix = (
                f"cannot be bound at {address[0]}: {exc.strerror}",
                "write a free port and an address of this host",
            )
            raise OptionError("port", self.options.port, why=why, fix=fix) from exc
        self.period = PeriodicCallback(self.look_after, self.loop_rate * MILLISECONDS)
        self.period.start()

    async def handle_sync(self, statuses: dict[str, str]) -> None:
        """Look after the processes that run already."""
        before, self.pid_status = self.pid_status, {}
        for name in filter(self._is_watched, statuses):
            for pid in (await self.call_async("list", name=name)).get("pids", []):
                self.pid_status[pid] = before.get(pid) or _alive(name)

    def handle_recv(self, data: Sequence[bytes]) -> None:
        watcher, action, message = self.split_data(data)
        if action in {"spawn", "reap"} and self._is_watched(watcher):
            pid = self.load_message(message)["process_pid"]
            if action == "spawn":
                self.pid_status[pid] = _alive(self.watcher_name(watcher))
            else:
                self.pid_status.pop(pid, None)

    def handle_stop(self) -> None:
        if self.period is not None:
            self.period.stop()
        if self._transport is not None:
            self._transport.close()

    def heartbeat(self, datagram: bytes) -> None:
        """Take a datagram."""
        match = self.options.msg_regex.match(datagram[:_MAX_BYTES].decode("utf-8", "replace").strip())
        pid = match["pid"].strip() if match else ""
        if not pid.isdecimal():
            logger.debug("%s: %r is no heartbeat", self.label, datagram[:_MAX_BYTES])
        elif int(pid) in self.pid_status:
            self.pid_status[int(pid)]["last_activity"] = time.monotonic()

    def look_after(self) -> None:
        """Kill what was silent for too long."""
        limit = time.monotonic() - self.loop_rate * self.max_count
        silent = {pid: status for pid, status in self.pid_status.items() if status["last_activity"] < limit}
        for pid, status in silent.items():
            logger.info("%s: pid %d of %s sent no heartbeat and is killed", self.label, pid, status["watcher"])
            self.cast("kill", name=status["watcher"], pid=pid, **self._how_to_kill())
            del self.pid_status[pid]

    def _how_to_kill(self) -> Mapping[str, Any]:
        given = {
            "signum": self.options.watchers_stop_signal,
            "graceful_timeout": self.options.watchers_graceful_timeout,
        }
        return {key: value for key, value in given.items() if value is not None}

    def _is_watched(self, name: str) -> bool:
        name = res_name(name)
        return not name.startswith(_NOT_THEIRS) and bool(self.options.watchers_regex.match(name))


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._take(data)


def _alive(watcher: str) -> dict[str, Any]:
    return {"watcher": watcher, "last_activity": time.monotonic()}
