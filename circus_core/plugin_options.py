"""The options of a plugin: a frozen dataclass, filled from the text of its section.

A plugin that declares its options has them checked before it runs, by ``circusd`` and by ``circus-plugin``::

    @dataclass(frozen=True, kw_only=True)
    class LoggerOptions:
        filename: str = option(kinds.PATH, "events.log", "File to append to.")

    class Logger(CircusPlugin):
        options_type = LoggerOptions
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from circus_core.errors import OptionError
from circus_core.options import Option, PluginConfig, WatcherConfig, table
from circus_core.values import hint

OptionsT = TypeVar("OptionsT")

_NOT_ITS_OWN: Final = {"active", "name", *table(PluginConfig), *table(WatcherConfig)}


def read(options_type: type[OptionsT], config: Mapping[str, Any]) -> OptionsT:
    """Return the options that *config* gives, each as text or as the value itself.

    :raises OptionError: one cannot be used; the first that is wrong
    """
    values, errors = _read(options_type, config)
    if errors:
        raise errors[0]
    return options_type(**values)


def problems(options_type: type[Any], config: Mapping[str, Any]) -> list[OptionError]:
    """Return everything that is wrong with the options in *config*."""
    values, errors = _read(options_type, config)
    if not errors:
        try:
            options_type(**values)
        except OptionError as exc:
            return [exc]
    return errors


def unknown(options_type: type[Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each option that the plugin does not have; those of its watcher do not count."""
    rows = _rows(options_type)
    for name in config:
        if name not in rows and name not in _NOT_ITS_OWN and "." not in name and not name.startswith("rlimit_"):
            yield f"{name} is no option of this plugin and is ignored{hint(name, rows)}"


def _read(options_type: type[Any], config: Mapping[str, Any]) -> tuple[dict[str, Any], list[OptionError]]:
    values: dict[str, Any] = {}
    errors: list[OptionError] = []
    for name, row in _rows(options_type).items():
        given = config.get(name)
        if given is None or (given == "" and row.default is None):
            continue
        try:
            values[name] = _value(row, given)
        except OptionError as exc:
            errors.append(exc)
    return values, errors


def _value(row: Option, given: Any) -> Any:
    try:
        return row.parse(given) if isinstance(given, str) else row.accept(given)
    except ValueError as exc:
        why = str(exc) if isinstance(given, str) else row.kind.complaint
        raise OptionError(row.name, given, why=why, fix=row.kind.fix) from exc


def _rows(options_type: type[Any]) -> Mapping[str, Option]:
    return table(options_type)  # type: ignore[arg-type]  # mypy takes no such type for hashable
