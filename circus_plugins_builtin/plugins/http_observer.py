"""The ``http_observer`` plugin: fetch a page now and then, restart a watcher when that fails."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from circus_core.options import kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._kinds import MILLISECONDS, PERIOD, url
from circus_plugins_builtin.plugins.statsd import BaseObserver, ObserverOptions

logger: Final = logging.getLogger("circus")

_NO_REPLY: Final = 599  #: the code of an error that no server sent, such as a time-out


@dataclass(frozen=True, kw_only=True)
class HttpObserverOptions(ObserverOptions):
    """Options of :class:`HttpObserver`."""

    application_name: str = option(
        kinds.NAME, "http_observer", "Buckets are named ``circus.NAME.watcher.`` and what the plugin adds."
    )
    check_url: str = option(url("http", "https"), "http://localhost/", "URL to fetch.")
    timeout: float = option(PERIOD, 10.0, "Time that the request may take.", unit="s")
    restart_on_error: str | None = option(
        kinds.NAME, None, "Watcher to restart when the request fails, times out or is answered by an error."
    )


class HttpObserver(BaseObserver):
    """Fetch a page every ``loop_rate`` seconds, tell a statsd server how long it took, restart a watcher on an error.

    Timing ``http_stats.request_time`` (milliseconds). Counters ``http_stats.error``, ``http_stats.error.CODE`` (599
    when there was no reply in time, or none at all) and ``http_stats.restart_on_error``.
    """

    name = "http_observer"
    options_type = HttpObserverOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.check_url: str = self.options.check_url
        self.timeout: float = self.options.timeout
        self.restart_on_error: str | None = self.options.restart_on_error

    async def look_after(self) -> None:
        began = time.monotonic()
        try:
            await AsyncHTTPClient().fetch(
                self.check_url, connect_timeout=self.timeout, request_timeout=self.timeout, follow_redirects=True
            )
        except HTTPClientError as exc:
            self._failed(exc.code, exc)
        except OSError as exc:
            self._failed(_NO_REPLY, exc)
        else:
            self.statsd.timed("http_stats.request_time", round((time.monotonic() - began) * MILLISECONDS, 3))

    def _failed(self, code: int, exc: Exception) -> None:
        logger.warning("%s: %s: %s", self.label, self.check_url, exc)
        self.statsd.increment("http_stats.error")
        self.statsd.increment(f"http_stats.error.{code}")
        if self.restart_on_error:
            self.cast("restart", name=self.restart_on_error, match="simple")
            self.statsd.increment("http_stats.restart_on_error")
