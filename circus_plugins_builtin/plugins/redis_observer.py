"""The ``redis_observer`` plugin: ask a Redis server for its figures, restart its watcher when it does not answer."""

from __future__ import annotations

import logging
from typing import Any, Final

from circus_core.options import kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._kinds import PERIOD, url
from circus_plugins_builtin.plugins.statsd import BaseObserver, ObserverOptions

try:
    from redis import asyncio as redis
    from redis.exceptions import RedisError
except ImportError as exc:
    raise ImportError(f"it needs redis-py ({exc}): pip install 'circus[redis]'") from exc

logger: Final = logging.getLogger("circus")


@dataclass(frozen=True, kw_only=True)
class RedisObserverOptions(ObserverOptions):
    """Options of :class:`RedisObserver`."""

    application_name: str = option(
        kinds.NAME, "redis_observer", "Buckets are named ``circus.NAME.watcher.`` and what the plugin adds."
    )
    redis_url: str = option(url("redis", "rediss", "unix"), "redis://localhost:6379/0", "The server, as a redis URL.")
    timeout: float = option(PERIOD, 5.0, "Time after which a server that does not answer counts as down.", unit="s")
    restart_on_timeout: str | None = option(kinds.NAME, None, "Watcher to restart when the server is down.")


class RedisObserver(BaseObserver):
    """Tell a statsd server the figures of a Redis server every ``loop_rate`` seconds, restart it when it is down.

    Gauges ``redis_stats.KEY`` for each number in what ``INFO`` answers. Counters ``redis_stats.error`` and
    ``redis_stats.restart_on_error``. Needs redis-py: ``pip install 'circus[redis]'``.
    """

    name = "redis_observer"
    options_type = RedisObserverOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.redis_url: str = self.options.redis_url
        self.timeout: float = self.options.timeout
        self.restart_on_timeout: str | None = self.options.restart_on_timeout

    async def look_after(self) -> None:
        try:
            info = await self._ask()
        except (RedisError, OSError) as exc:
            logger.warning("%s: %s: %s", self.label, self.redis_url, exc)
            self.statsd.increment("redis_stats.error")
            if self.restart_on_timeout:
                self.cast("restart", name=self.restart_on_timeout, match="simple")
                self.statsd.increment("redis_stats.restart_on_error")
            return
        for key, value in info.items():
            if isinstance(value, (int, float)):
                self.statsd.gauge(f"redis_stats.{key}", value)

    async def _ask(self) -> dict[str, Any]:
        # A connection for each look: one that broke, or hangs with its server, is not worth mending.
        client = redis.Redis.from_url(
            self.redis_url,
            socket_timeout=self.timeout,
            socket_connect_timeout=self.timeout,
            single_connection_client=True,
        )
        async with client:
            info: dict[str, Any] = await client.info()
            return info
