"""What watchers say to the built-in plugins, as the core learns of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from circus_core.config import Config
from circus_core.hookspecs import hookimpl
from circus_plugins_builtin.plugins._file_watch_options import FileWatchOptions
from circus_plugins_builtin.plugins._flapping_options import WatcherFlapping
from circus_plugins_builtin.plugins._health_options import HealthOptions

logger: Final = logging.getLogger("circus")

_OPTIONS: Final[Mapping[str, type[Any]]] = {
    "file_watch": FileWatchOptions,
    "flapping": WatcherFlapping,
    "health": HealthOptions,
}


@hookimpl
def circus_watcher_options() -> Mapping[str, type[Any]]:
    """Add ``flapping.*`` and so on."""
    return _OPTIONS


@hookimpl
def circus_config_read(config: Config) -> None:
    """Tell of options that no plugin reads."""
    used = {plugin.use.replace(":", ".").rpartition(".")[2].lower() for plugin in config.plugins}
    for name in _OPTIONS:
        if name.replace("_", "") in {word.replace("_", "") for word in used}:
            continue
        for watcher in config.watchers:
            for option in watcher.extra:
                if option.startswith(f"{name}."):
                    fix = f"add [plugin:{name}] with use = {name}"
                    logger.warning("[watcher:%s] %s does nothing without the plugin; %s", watcher.name, option, fix)
