"""Plugins that tell a statsd server of events and figures, and the base of those that look at something."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tornado.ioloop import PeriodicCallback

from circus_core.errors import CircusError
from circus_core.options import kinds, option
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_core.values import size
from circus_plugins_builtin.plugins._kinds import MILLISECONDS, PERIOD, RATE

logger: Final = logging.getLogger("circus")

_UNSENDABLE: Final = re.compile(r"[:|@\n]")  # what separates the parts of a statsd line


class StatsdClient:
    """Sends figures to a statsd server by UDP: fire and forget.

    :param prefix: put before each bucket, with a dot
    :param sample_rate: told to the server where it is not 1; every figure is sent
    """

    def __init__(
        self, host: str | None = None, port: int | None = None, prefix: str | None = None, sample_rate: float = 1
    ) -> None:
        self.host = host or "localhost"
        self.port = int(port or 8125)
        self.prefix = prefix
        self.sample_rate = sample_rate
        self._socket: socket.socket | None = None
        self._address: Any = None

    def send(self, bucket: str, value: str, sample_rate: float | None = None) -> None:
        """Send *value*, which says its type as in ``3|c``, for *bucket*."""
        rate = self.sample_rate if sample_rate is None else sample_rate
        name = _UNSENDABLE.sub("_", f"{self.prefix}.{bucket}" if self.prefix else bucket)
        text = f"{name}:{value}" + (f"|@{rate:g}" if rate != 1 else "")
        try:
            self._open().sendto(text.encode(), self._address)
        except OSError as exc:
            logger.debug("statsd server %s:%d: %s", self.host, self.port, exc)

    def increment(self, bucket: str, delta: int = 1) -> None:
        """Add *delta* to a counter."""
        self.send(bucket, f"{delta}|c")

    def decrement(self, bucket: str, delta: int = 1) -> None:
        """Take *delta* from a counter."""
        self.increment(bucket, -delta)

    def gauge(self, bucket: str, value: float) -> None:
        """Set a gauge."""
        self.send(bucket, f"{value}|g")

    def timed(self, bucket: str, value: float) -> None:
        """Tell of something that took *value* milliseconds."""
        self.send(bucket, f"{value}|ms")

    def stop(self) -> None:
        """Close the socket. May be called twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            # The name is looked up once: a look-up for each figure could block the plugin each time.
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
            found.sort(key=lambda info: info[0] != socket.AF_INET)
            family, kind, protocol, _, self._address = found[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
        return self._socket


@dataclass(frozen=True, kw_only=True)
class StatsdOptions:
    """Options of :class:`StatsdEmitter`."""

    application_name: str = option(
        kinds.NAME, "app", "Buckets are named ``circus.NAME.watcher.`` and what the plugin adds."
    )
    host: str = option(kinds.NAME, "localhost", "Host of the statsd server.")
    port: int = option(kinds.PORT, 8125, "UDP port of the statsd server.")
    sample_rate: float = option(RATE, 1.0, "Told to the server with each figure where it is not 1; all are sent.")


class StatsdEmitter(CircusPlugin):
    """Count every event in a statsd server.

    Counters: ``WATCHER.ACTION``, as in ``circus.app.watcher.web.spawn``.
    """

    name = "statsd"
    options_type = StatsdOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.app = self.options.application_name
        self.prefix = f"circus.{self.app}.watcher"
        self.statsd = StatsdClient(self.options.host, self.options.port, self.prefix, self.options.sample_rate)

    def handle_recv(self, data: Sequence[bytes]) -> Any:
        watcher, action, _ = self.split_data(data)
        self.statsd.increment(f"{watcher}.{action}")

    def handle_stop(self) -> Any:
        self.statsd.stop()


@dataclass(frozen=True, kw_only=True)
class ObserverOptions(StatsdOptions):
    """Options of :class:`BaseObserver`."""

    loop_rate: float = option(PERIOD, 60.0, "Time between two looks.", unit="s")


class BaseObserver(StatsdEmitter):
    """Looks at something every ``loop_rate`` seconds: the base of plugins that override :meth:`look_after`."""

    name = "observer"
    options_type = ObserverOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.loop_rate = self.options.loop_rate
        self.period: PeriodicCallback | None = None

    def handle_init(self) -> Any:
        self.period = PeriodicCallback(self._look, self.loop_rate * MILLISECONDS)
        self.period.start()

    def handle_stop(self) -> Any:
        if self.period is not None:
            self.period.stop()
        super().handle_stop()

    def handle_recv(self, data: Sequence[bytes]) -> Any:
        """Take no notice of events."""

    def look_after(self) -> Any:
        """Look once; may be a coroutine. What it raises is logged, and the next look comes in time."""
        raise TypeError(f"{type(self).__name__} has no look_after(self)")

    async def _look(self) -> None:
        try:
            result = self.look_after()
            if result is not None:
                await result
        except CircusError as exc:
            logger.warning("%s: %s", self.label, exc)
        except Exception:
            logger.exception("%s: look_after failed", self.label)


class FullStats(BaseObserver):
    """Tell a statsd server how many processes each watcher has, and what they use.

    Gauges ``_stats.WATCHER.`` with ``watchers_num`` (processes), ``cpu_max`` and ``cpu_sum`` (percent),
    ``mem_pct_max`` and ``mem_pct_sum`` (percent), ``mem_max`` and ``mem_sum`` (bytes), ``spawn_count`` where the daemon
    tells it. Counter ``_stats.error``. Watchers of plugins are left out.
    """

    name = "full_stats"
    options_type = ObserverOptions

    async def look_after(self) -> None:
        reply = await self.call_async("stats")
        if reply["status"] == "error":
            self.statsd.increment("_stats.error")
            logger.warning("%s: stats: %s", self.label, reply.get("reason"))
            return
        for name, processes in reply["infos"].items():
            if not name.startswith("plugin:"):
                self._tell(f"_stats.{name}", processes)

    def _tell(self, bucket: str, processes: Mapping[str, Any]) -> None:
        if "spawn_count" in processes:
            self.statsd.gauge(f"{bucket}.spawn_count", processes["spawn_count"])
        infos = [info for pid, info in processes.items() if pid.isdigit() and isinstance(info, dict)]
        self.statsd.gauge(f"{bucket}.watchers_num", len(infos))
        memory = [size(info["mem_info1"]) for info in infos if info["mem_info1"] != "N/A"]
        for gauge, figures in (
            ("cpu", [info["cpu"] for info in infos if info["cpu"] != "N/A"]),
            ("mem_pct", [info["mem"] for info in infos if info["mem"] != "N/A"]),
            ("mem", memory),
        ):
            if figures:
                self.statsd.gauge(f"{bucket}.{gauge}_max", max(figures))
                self.statsd.gauge(f"{bucket}.{gauge}_sum", sum(figures))
