"""Ini files to frozen configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from circus_core._expand import EnvVariables
from circus_core._includes import read_all
from circus_core._ini import Ini
from circus_core._names import check_names
from circus_core._plugin_checks import check_plugins
from circus_core._report import Report
from circus_core._sections import read_circus, read_plugins, read_sockets, warn_unknown_sections
from circus_core._watcher_sections import read_watchers
from circus_core.errors import ConfigErrors
from circus_core.options import CircusConfig, Option, PluginConfig, SocketConfig, WatcherConfig, table
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that stands in an ini file and those that it includes; watchers, sockets and plugins by name.

    :param warnings: what is odd but works
    :param where: (section, option) to the ``file:line`` of its value
    """

    circus: CircusConfig = field(default_factory=CircusConfig)
    watchers: tuple[WatcherConfig, ...] = ()
    sockets: tuple[SocketConfig, ...] = ()
    plugins: tuple[PluginConfig, ...] = ()
    path: str = field(default="", compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    where: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False, repr=False)


def load(
    path: str | os.PathLike[str],
    environ: Mapping[str, str] = os.environ,
    *,
    rows: Mapping[str, Option] = table(WatcherConfig),
) -> Config:
    """Return the configuration that the ini file at *path* describes.

    What depends on the machine, such as users and programs, is not looked at: see
    :func:`circus_core.machine.machine_problems`.

    :param environ: environment of ``circusd``
    :param rows: the table of a watcher's options, with what extensions add to it
    :raises ConfigErrors: something is wrong; it holds every error
    """
    environ = dict(environ)
    ini, missing = read_all(path, environ)
    report = Report(ini)
    for option, what in missing:
        report.warn("circus", option, f"nothing to include is found at {what}")
    warn_unknown_sections(ini, report)
    env = _shared_env(ini, environ)
    variables = EnvVariables(environ, env)
    circus = read_circus(ini, report, variables)
    sockets = read_sockets(ini, report, variables)
    watchers = read_watchers(ini, report, environ, env, rows)
    plugins = read_plugins(ini, report, variables)
    check_names(report, circus, watchers, sockets)
    check_plugins(report, plugins)
    if report.errors:
        raise ConfigErrors(report.sorted_errors())
    return Config(
        circus=circus,
        watchers=watchers,
        sockets=sockets,
        plugins=plugins,
        path=os.path.abspath(path),
        warnings=tuple(report.warnings),
        where=report.where,
    )


def load_circus(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> CircusConfig:
    """Return what can be read of ``[circus]`` alone, whatever else is wrong: it says which extensions to leave out.

    :raises ConfigErrors: the file itself cannot be read
    """
    ini, _ = read_all(path, environ)
    return read_circus(ini, Report(ini), EnvVariables(environ, _shared_env(ini, environ)))


def _shared_env(ini: Ini, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``[env]``."""
    process = EnvVariables(environ)
    entries = ini.values("env") if "env" in ini.sections else {}
    return {name: process.expand(entry.text) for name, entry in entries.items()}
