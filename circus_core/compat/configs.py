"""Configurations as mappings, as ``circus.config`` has them."""

from __future__ import annotations

import os
from collections.abc import Callable
from configparser import RawConfigParser
from typing import Any

from circus_core import values
from circus_core._includes import read_all
from circus_core.config import load
from circus_core.errors import ConfigErrors
from circus_core.options import (
    STREAM_NAMES,
    CircusConfig,
    PluginConfig,
    SocketConfig,
    StreamConfig,
    WatcherConfig,
    table,
)


class DefaultConfigParser(RawConfigParser):
    """Sections of text, names of options in the case that they are written in."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.optionxform = str  # type: ignore[method-assign,assignment]  # the documented way

    def dget(self, section: str, option: str, default: Any = None, type: Callable[[str], Any] = str) -> Any:  # noqa: A002
        """Return an option as *type* reads it, *default* when it is not there."""
        if not self.has_option(section, option):
            return default
        text = self.get(section, option)
        return values.boolean(text) if type is bool else type(text)


def read_config(config_path: str | os.PathLike[str]) -> tuple[DefaultConfigParser, list[str]]:
    """Return what stands in an ini file and those that it includes, as text, and the paths of these files.

    :raises ConfigErrors: a file cannot be read
    """
    ini, _ = read_all(config_path, dict(os.environ))
    if ini.errors:
        raise ConfigErrors(ini.errors)
    parser = DefaultConfigParser(default_section="")
    for name, section in ini.sections.items():
        parser.add_section(name)
        for key, entry in section.items():
            parser.set(name, key, entry.text)
    return parser, list(ini.files)


def get_config(config_file: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the values of ``[circus]``, and under ``watchers``, ``plugins`` and ``sockets`` lists of mappings.

    :raises ConfigErrors: something is wrong with the file
    """
    config = load(config_file)
    circus = {name: getattr(config.circus, name) for name in table(CircusConfig)}
    return {
        **circus,
        "watchers": [_watcher(watcher) for watcher in config.watchers],
        "plugins": [_plugin(plugin) for plugin in config.plugins],
        "sockets": [{name: getattr(sock, name) for name in SocketConfig.__slots__} for sock in config.sockets],
    }


def rlimit_value(val: str | None) -> int:
    """Return the value of a resource limit, -1 for none.

    :raises ValueError: it is no number
    """
    limit = values.rlimit(val or "")
    return -1 if limit is None else limit


def watcher_defaults() -> dict[str, Any]:
    """Return the options of a watcher that has none of its own."""
    return {**_watcher(WatcherConfig(name="", working_dir=None)), "env": {}}


def _watcher(config: WatcherConfig) -> dict[str, Any]:
    rows = {row.name: row.kind.show(getattr(config, row.name)) for row in table(WatcherConfig).values()}
    streams = {name: _stream(getattr(config, name)) for name in STREAM_NAMES}
    return {
        **config.extra,
        **rows,
        **streams,
        "name": config.name,
        "rlimits": {name: -1 if limit is None else limit for name, limit in config.rlimits.items()},
        "hooks": {name: (hook.target, hook.ignore_failure) for name, hook in config.hooks.items()},
        "env": dict(config.own_env),
    }


def _stream(config: StreamConfig | None) -> dict[str, Any]:
    return {} if config is None else {"class": config.class_name, **config.options}


def _plugin(config: PluginConfig) -> dict[str, Any]:
    return {**config.options, "name": config.name, "use": config.use, "priority": config.priority}
