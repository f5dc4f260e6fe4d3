"""What circusd reads before it serves: extensions, then the file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

from circus_core._entry_points import EntryPoint
from circus_core.config import Config, load, load_circus
from circus_core.errors import ConfigErrors
from circus_core.hooks import Hooks
from circus_core.options import Option
from circus_core.registry import Registry


def load_extensions(args: argparse.Namespace) -> tuple[Registry, Hooks]:
    """Return what is installed, but what the file says to leave out."""
    registry = Registry(load_circus(args.config).disable_extensions, load=_load_by_stevedore)
    return registry, Hooks(registry)


def extensions_of(config: Config) -> tuple[Registry, Hooks]:
    """Return what is installed, but what a configuration says to leave out."""
    registry = Registry(config.circus.disable_extensions, load=_load_by_stevedore)
    return registry, Hooks(registry)


def read(args: argparse.Namespace, rows: Mapping[str, Option]) -> Config:
    """Return the configuration in the file, where options of the command line win."""
    config = load(args.config, rows=rows)
    names = ("pidfile", "loglevel", "logoutput", "loggerconfig")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    return replace(config, circus=replace(config.circus, **given))


def read_checked(args: argparse.Namespace, hooks: Hooks) -> Config:
    """Return the configuration in the file, unless it names extensions that do not load, or one finds it wrong."""
    config = read(args, hooks.watcher_rows)
    errors = hooks.check_config(config)
    if errors:
        raise ConfigErrors(errors)
    return config


def _load_by_stevedore(entry_point: EntryPoint) -> object:
    from circus_core import stevedore_loader  # noqa: PLC0415  # 35 ms, of which 25 for importlib.metadata

    return stevedore_loader.load(entry_point)
