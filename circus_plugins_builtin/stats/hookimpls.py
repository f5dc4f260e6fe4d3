"""Has the daemon run ``circusd-stats`` when ``statsd`` is on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from circus_core.errors import OptionError
from circus_core.hookspecs import hookimpl
from circus_core.options import WatcherConfig, make_watcher_config
from circus_core.plugin_watchers import companion_options, connectable, log_words

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
    words += ["--pubsub", connectable(pubsub_endpoint), "--statspoint", circus.stats_endpoint, *log_words(circus)]
    options = companion_options(circus, closes_outputs=circus.statsd_close_outputs)
    return [make_watcher_config(NAME, sys.executable, words, options)]
