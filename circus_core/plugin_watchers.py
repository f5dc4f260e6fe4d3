"""The watchers that run plugins, one process a plugin or a group of plugins."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from circus_core._environment import child_env
from circus_core._plugin_text import encode
from circus_core.errors import ConfigError, MessageError
from circus_core.options import (
    CircusConfig,
    PluginConfig,
    StreamConfig,
    WatcherConfig,
    set_watcher_options,
    table,
    working_dir,
)
from circus_core.values import BOOLEANS

if TYPE_CHECKING:
    from circus_core.config import Config

PREFIX: Final = "plugin:"

_ROWS: Final = table(WatcherConfig)
_NOT_FROM_SECTION: Final = {
    *("cmd", "args", "shell", "shell_args", "executable", "singleton", "numprocesses"),
    "max_retry",  # it is an option of flapping
}
_PREFIXED: Final = ("rlimit_", "hooks.", "stdout_stream.", "stderr_stream.")
_ON_STANDARD_ERROR: Final = ("-", "stdout")


def plugin_watchers(
    config: Config, *, endpoint: str, pubsub_endpoint: str, environ: Mapping[str, str] = os.environ
) -> Iterator[WatcherConfig]:
    """Yield the watchers that run the plugins of *config*, in the order of their first plugin.

    :param endpoint: the address that commands are taken at
    :param pubsub_endpoint: the address that events are published at
    :raises ConfigError: see :func:`process_config`
    """
    addresses = ("--endpoint", connectable(endpoint), "--pubsub", connectable(pubsub_endpoint))
    for name, plugins in grouped(config.plugins).items():
        process = _with_output(process_config(name, plugins, environ), config.circus)
        delay = ("--check-delay", f"{config.circus.check_delay:g}")
        args = (*addresses, *delay, *log_words(config.circus), *_plugin_words(plugins))
        yield replace(process, cmd=f"{shlex.quote(_python())} -m circus_core.cli.plugin", args=args)


def grouped(plugins: Iterable[PluginConfig]) -> dict[str, list[PluginConfig]]:
    """Return name of watcher to the plugins that its process runs: one, or those of a group."""
    groups: dict[str, list[PluginConfig]] = {}
    for plugin in plugins:
        name = f"{PREFIX}{plugin.group}" if plugin.group else plugin.name
        groups.setdefault(name, []).append(plugin)
    return groups


def process_config(
    name: str, plugins: Sequence[PluginConfig], environ: Mapping[str, str] = os.environ
) -> WatcherConfig:
    """Return the watcher of a process that runs *plugins*, but for what it runs.

    Every option of their sections is one of the watcher too, as a watcher option where there is one of that name.

    :raises ConfigError: one cannot be used, or differs between plugins that share the process
    """
    config = WatcherConfig(
        name=name,
        singleton=True,
        copy_env=True,
        copy_path=True,
        priority=max(plugin.priority for plugin in plugins),
        working_dir=working_dir(environ),
        autostart=any(_is_active(plugin) for plugin in plugins),
    )
    taken: dict[str, PluginConfig] = {}
    for plugin in plugins:
        for option, value in plugin.options.items():
            if option in _ROWS or option.startswith(_PREFIXED):
                if option in _NOT_FROM_SECTION:
                    continue
                first = taken.setdefault(option, plugin)
                if first.options[option] != value:
                    raise _differs(plugin, first, option, value)
                config = _take(config, plugin, option, value)
            else:
                config = replace(config, extra={**config.extra, option: value})
    if "0" in (plugin.options.get("numprocesses", "1").strip() for plugin in plugins):
        config = replace(config, numprocesses=0)
    config = replace(config, copy_path=config.copy_path and config.copy_env)
    return replace(config, env=child_env(config, environ))


def connectable(address: str) -> str:
    """Return *address* as a program on this machine connects to it."""
    return re.sub(r"^tcp://(\*|0\.0\.0\.0):", "tcp://127.0.0.1:", address).replace("tcp://[::]:", "tcp://[::1]:")


def log_words(circus: CircusConfig) -> tuple[str, ...]:
    """Return the options by which a program of ours logs as circusd does."""
    words = ("--log-level", "debug" if circus.debug else circus.loglevel)
    return words if circus.logoutput in _ON_STANDARD_ERROR else (*words, "--log-output", circus.logoutput)


def companion_options(circus: CircusConfig, *, closes_outputs: bool) -> dict[str, Any]:
    """Return the options of a watcher that runs one program of ours beside circusd."""
    options: dict[str, Any] = {"singleton": True, "copy_env": True, "copy_path": True}
    if closes_outputs:
        return {**options, "close_child_stdout": True, "close_child_stderr": True}
    if circus.debug:
        options["stdout_stream"] = options["stderr_stream"] = {"class": "StdoutStream"}
    return options


def _take(config: WatcherConfig, plugin: PluginConfig, option: str, value: Any) -> WatcherConfig:
    row = _ROWS.get(option)
    try:
        if row is None:
            return set_watcher_options(replace(config, cmd="-"), {option: value})[0]
        changed: dict[str, Any] = {option: row.accept(value)}
        return replace(config, **changed)
    except (MessageError, ValueError) as exc:
        fix = row.kind.fix if row is not None else "write what it would be in the section of a watcher"
        raise ConfigError(plugin.name, option, value, why=str(exc), fix=fix) from exc


def _differs(plugin: PluginConfig, first: PluginConfig, option: str, value: Any) -> ConfigError:
    why = f"[{first.name}], which shares its process, has {first.options[option]!r}"
    return ConfigError(plugin.name, option, value, why=why, fix="write the same in both, or another group")


def _is_active(plugin: PluginConfig) -> bool:
    return BOOLEANS.get(str(plugin.options.get("active", "yes")).strip().lower(), True)


def _with_output(config: WatcherConfig, circus: CircusConfig) -> WatcherConfig:
    """Return *config* with what it prints shown for ``debug``, else discarded; what it logs goes where circusd logs."""
    stream = StreamConfig("StdoutStream") if circus.debug else None
    stdout, stderr = config.stdout_stream or stream, config.stderr_stream or stream
    return replace(
        config,
        stdout_stream=stdout,
        stderr_stream=stderr,
        close_child_stdout=config.close_child_stdout or stdout is None,
        close_child_stderr=config.close_child_stderr or (stderr is None and circus.logoutput not in _ON_STANDARD_ERROR),
    )


def _plugin_words(plugins: Sequence[PluginConfig]) -> tuple[str, ...]:
    words: list[str] = []
    for plugin in plugins:
        config = {**plugin.options, "name": plugin.name, **({"group": plugin.group} if plugin.group else {})}
        words += ["--config", encode(config)]
    return (*words, "--", *(plugin.use for plugin in plugins))


def _python() -> str:
    return sys.executable or "python3"
