"""The watchers that the daemon adds to those of its configuration."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from circus_core.config import Config
from circus_core.plugin_watchers import PREFIX, plugin_watchers

logger: Final = logging.getLogger("circus")


def with_companions(config: Config, *, endpoint: str, pubsub_endpoint: str) -> Config:
    """Return *config* with a watcher more for each process that it asks for by other means than a watcher section.

    One that has them already gets them anew.

    :param endpoint: the address that commands are taken at, ``""`` for none
    :param pubsub_endpoint: the address that events are published at, ``""`` for none
    :raises ConfigError: a plugin section has an option that its process cannot have
    """
    watchers = [watcher for watcher in config.watchers if not watcher.name.startswith(PREFIX)]
    if config.plugins and not (endpoint and pubsub_endpoint):
        logger.warning("plugins need endpoint and pubsub_endpoint; none is started")
    else:
        watchers += plugin_watchers(config, endpoint=endpoint, pubsub_endpoint=pubsub_endpoint)
    return replace(config, watchers=tuple(watchers))
