"""The ``prometheus`` plugin: an endpoint for Prometheus and whatever else reads OpenMetrics."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from circus_core.errors import CircusError, OptionError
from circus_core.options import kinds, option
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass

try:
    from prometheus_client.exposition import choose_encoder

    from circus_plugins_builtin.plugins._metrics import Answers, Metrics
except ImportError as exc:
    raise ImportError(f"it needs prometheus-client ({exc}): pip install 'circus[prometheus]'") from exc

logger: Final = logging.getLogger("circus")


@dataclass(frozen=True, kw_only=True)
class PrometheusOptions:
    """Options of :class:`Prometheus`."""

    host: str = option(kinds.NAME, "127.0.0.1", "Address to listen at. Nobody has to log in.")
    port: int = option(kinds.PORT, 9617, "Port to listen at. 0 takes a free one, which the log tells.")
    path: str = option(kinds.NAME, "/metrics", "Path of the figures.")
    per_process: bool = option(kinds.BOOL, False, "Tell CPU, memory and age of each process too, not only of watchers.")


class Prometheus(CircusPlugin):
    """Answer scrapes of Prometheus with the state of every watcher, and what its processes use.

    Each scrape asks the daemon anew; ``circus_up`` is 0 when it does not answer. The daemon has
    ``circus_daemon_round_trip_seconds``, ``circus_daemon_cpu_ratio`` and ``circus_daemon_memory_bytes``. Each watcher
    has ``circus_watcher_`` with ``state``, ``state_since_seconds``, ``processes``, ``desired_processes``,
    ``restarts_total``, ``output_lost_bytes_total``, ``cpu_ratio`` and ``memory_bytes``, and what is counted while the
    plugin runs: ``exits_total`` by ``reason``, an exit code or the name of a signal, and ``spawn_failures_total``.
    Needs prometheus-client: ``pip install 'circus[prometheus]'``.
    """

    name = "prometheus"
    options_type = PrometheusOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.exits: Counter[tuple[str, str]] = Counter()
        self.spawn_failures: Counter[str] = Counter()
        self._server: HTTPServer | None = None

    def handle_init(self) -> None:
        options: PrometheusOptions = self.options
        try:
            sockets = bind_sockets(options.port, options.host)
        except OSError as exc:
            why, fix = f"cannot be bound at {options.host}: {exc}", "write a free port and an address of this host"
            raise OptionError("port", options.port, why=why, fix=fix) from exc
        self._server = HTTPServer(Application([(options.path, _Scrape, {"plugin": self})], log_function=_say_nothing))
        self._server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        logger.info("%s: serves http://%s:%d%s", self.label, options.host, port, options.path)

    def handle_recv(self, data: Sequence[bytes]) -> None:
        topic_name, action, message = self.split_data(data)
        if action == "reap":
            self.exits[self.watcher_name(topic_name), _reason(self.load_message(message)["exit_code"])] += 1
        elif action == "spawn_failure":
            self.spawn_failures[self.watcher_name(topic_name)] += 1

    def handle_stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    async def ask(self) -> Answers | None:
        """Return what the daemon tells, ``None`` when it does not answer."""
        began = time.monotonic()
        try:
            status = await self.call_async("status", long=True)
            round_trip = time.monotonic() - began
            return Answers(
                watchers=status["watchers"],
                processes=(await self.call_async("stats"))["infos"],
                daemon=(await self.call_async("dstats"))["info"],
                round_trip=round_trip,
            )
        except (CircusError, KeyError) as exc:
            logger.warning("%s: the daemon cannot be asked: %s", self.label, exc)
            return None


class _Scrape(RequestHandler):
    def initialize(self, plugin: Prometheus) -> None:
        self._plugin = plugin

    async def get(self) -> None:
        encode, content_type = choose_encoder(self.request.headers.get("Accept", ""))
        plugin = self._plugin
        metrics = Metrics(
            await plugin.ask(), plugin.exits, plugin.spawn_failures, per_process=plugin.options.per_process
        )
        # Writing down thousands of figures takes longer than the loop should stand still.
        body = await asyncio.to_thread(encode, metrics)
        self.set_header("Content-Type", content_type)
        self.finish(body)


def _reason(exit_code: int | None) -> str:
    if exit_code is None:
        return "unknown"
    if exit_code >= 0:
        return str(exit_code)
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _say_nothing(_handler: RequestHandler) -> None:
    """Log no requests."""
