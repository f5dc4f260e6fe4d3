"""The options of the named hooks, as the core learns of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circus_core.errors import OptionError
from circus_core.hookspecs import hookimpl
from circus_core.options import WatcherConfig
from circus_plugins_builtin.hooks._http_options import HttpReady
from circus_plugins_builtin.hooks._waiting import Waiting
from circus_plugins_builtin.hooks.command_ok import CommandOk
from circus_plugins_builtin.hooks.file_exists import FileExists
from circus_plugins_builtin.hooks.tcp_ready import TcpReady
from circus_plugins_builtin.hooks.unix_ready import UnixReady

_OPTIONS: Final[Mapping[str, type[Waiting]]] = {
    "command_ok": CommandOk,
    "file_exists": FileExists,
    "http_ready": HttpReady,
    "tcp_ready": TcpReady,
    "unix_ready": UnixReady,
}


@hookimpl
def circus_watcher_options() -> Mapping[str, type[Any]]:
    """Add ``hook.NAME.*``."""
    return {options.prefix: options for options in _OPTIONS.values()}


@hookimpl
def circus_check_watcher(config: WatcherConfig) -> list[OptionError]:
    """Tell of each hook that lacks the option which says what it waits for."""
    named = {hook.target for hook in config.hooks.values() if isinstance(hook.target, str)}
    wrong = []
    for name in sorted(named & _OPTIONS.keys()):
        try:
            _OPTIONS[name].of(config.extra)
        except OptionError as exc:
            wrong.append(exc)
    return wrong
