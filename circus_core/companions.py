"""The watchers that the daemon adds to those of its configuration."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from circus_core.config import Config
from circus_core.errors import ConfigError, ConfigErrors, OptionError
from circus_core.options import SocketConfig, WatcherConfig
from circus_core.plugin_watchers import PREFIX, plugin_watchers

if TYPE_CHECKING:
    from circus_core.hooks import Hooks

logger: Final = logging.getLogger("circus")

_RUN_BY_EXTENSIONS: Final = {"statsd": "circusd-stats", "httpd": "circushttpd"}

_Companion = WatcherConfig | SocketConfig


def with_companions(config: Config, hooks: Hooks, *, endpoint: str, pubsub_endpoint: str) -> Config:
    """Return *config* with a watcher more for each process that it asks for by other means than a watcher section.

    One that has them already gets them anew.

    :param hooks: ask the extensions for theirs
    :param endpoint: the address that commands are taken at, ``""`` for none
    :param pubsub_endpoint: the address that events are published at, ``""`` for none
    :raises ConfigError: a plugin section has an option that its process cannot have
    :raises ConfigErrors: an option of ``[circus]`` asks for what no extension provides
    """
    found, errors = _of_extensions(config, hooks, endpoint, pubsub_endpoint)
    if errors:
        raise ConfigErrors(errors)
    names = {(type(one), one.name) for one in found}
    sockets = [one for one in config.sockets if (type(one), one.name) not in names]
    watchers = [one for one in config.watchers if (type(one), one.name) not in names]
    watchers = [one for one in watchers if not one.name.startswith(PREFIX)]
    sockets += [one for one in found if isinstance(one, SocketConfig)]
    watchers += [one for one in found if isinstance(one, WatcherConfig)]
    if config.plugins and not (endpoint and pubsub_endpoint):
        logger.warning("plugins need endpoint and pubsub_endpoint; none is started")
    else:
        watchers += plugin_watchers(config, endpoint=endpoint, pubsub_endpoint=pubsub_endpoint)
    return replace(config, watchers=tuple(watchers), sockets=tuple(sockets))


def check_companions(config: Config, hooks: Hooks) -> list[ConfigError]:
    """Return what keeps the extensions from running what *config* asks for."""
    circus = config.circus
    return _of_extensions(config, hooks, circus.endpoint or "", circus.pubsub_endpoint or "")[1]


def _of_extensions(
    config: Config, hooks: Hooks, endpoint: str, pubsub_endpoint: str
) -> tuple[Sequence[_Companion], list[ConfigError]]:
    """Return what the extensions add, by name, and what they find wrong."""
    opinions = hooks.vote("circus_companions", config=config, endpoint=endpoint, pubsub_endpoint=pubsub_endpoint)
    answers = [item for opinion in opinions if not isinstance(opinion, Exception) for item in opinion]
    found = sorted((item for item in answers if not isinstance(item, OptionError)), key=lambda item: item.name)
    wrong = [item for item in answers if isinstance(item, OptionError)]
    added = {item.name for item in found}
    for option, name in _RUN_BY_EXTENSIONS.items():
        if getattr(config.circus, option) and name not in added and option not in {item.option for item in wrong}:
            why = f"no extension that loads runs {name}"
            fix = "see `circusctl extensions` and disable_extensions, or install circus again with pip"
            wrong.append(OptionError(option, True, why=why, fix=fix))
    return found, [ConfigError("circus", item.option, item.value, why=item.why, fix=item.fix) for item in wrong]
