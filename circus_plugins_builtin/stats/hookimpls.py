"""Has the daemon run ``circusd-stats`` when ``statsd`` is on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from circus_core.errors import OptionError
from circus_core.hookspecs import hookimpl
from circus_core.options import CircusConfig, WatcherConfig, make_watcher_config
from circus_core.plugin_watchers import connectable

if TYPE_CHECKING:
    from circus_core.config import Config

NAME: Final = "circusd-stats"


@hookimpl
def circus_companions(
    config: Config, endpoint: str, pubsub_endpoint: str
) -> Sequence[WatcherConfig | OptionError] | None:
    """Return the watcher that runs the statistics."""
    circus = config.circus
    if not circus.statsd:
        return None
    if not (endpoint and pubsub_endpoint):
        why = "circusd-stats asks at endpoint and listens at pubsub_endpoint"
        return [OptionError("statsd", True, why=why, fix="give both an address, or leave statsd out")]
    words = ["-m", "circus_plugins_builtin.stats", "--endpoint", connectable(endpoint)]
    words += ["--pubsub", connectable(pubsub_endpoint), "--statspoint", circus.stats_endpoint, *_log_words(circus)]
    return [make_watcher_config(NAME, sys.executable, words, _options(circus))]


def _options(circus: CircusConfig) -> dict[str, Any]:
    options: dict[str, Any] = {"singleton": True, "copy_env": True, "copy_path": True}
    if circus.statsd_close_outputs:
        return {**options, "close_child_stdout": True, "close_child_stderr": True}
    if circus.debug:
        options["stdout_stream"] = options["stderr_stream"] = {"class": "StdoutStream"}
    return options


def _log_words(circus: CircusConfig) -> list[str]:
    level = "debug" if circus.debug else circus.loglevel
    has_output = circus.logoutput not in ("-", "stdout")
    return ["--log-level", level, *(["--log-output", circus.logoutput] if has_output else [])]
