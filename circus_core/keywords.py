"""Configuration from the values of a program, in place of an ini file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from circus_core import values
from circus_core._checks import Problem, socket_problems, watcher_problems
from circus_core._environment import child_env
from circus_core._kinds import MODE
from circus_core._nearest import nearest
from circus_core.errors import ConfigError
from circus_core.options import (
    HOOK_NAMES,
    STREAM_NAMES,
    CircusConfig,
    HookConfig,
    Option,
    PluginConfig,
    SocketConfig,
    StreamConfig,
    WatcherConfig,
    table,
    working_dir,
)

_WITHOUT_MEANING: Final = {"refresh_time"}  # stream options of earlier versions


class KeywordError(ConfigError, ValueError):
    """A value that a program gave for an option cannot be used."""


def circus_config(options: Mapping[str, Any]) -> CircusConfig:
    """Return ``[circus]``; an endpoint that is ``None`` or empty is not opened.

    :raises KeywordError: there is no such option, or it cannot have this value
    """
    rows = table(CircusConfig)
    unknown = [name for name in options if name not in rows]
    if unknown:
        raise _error("circus", unknown[0], options[unknown[0]], "no option of Circus", _near(unknown[0], rows))
    return CircusConfig(**{name: _circus_value(rows[name], value) for name, value in options.items()})


def watcher_config(
    name: str,
    cmd: str,
    options: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    *,
    rows: Mapping[str, Option] = table(WatcherConfig),
) -> WatcherConfig:
    """Return a watcher.

    :param options: those of the option table; ``rlimits``, ``hooks``, ``env``, ``stdout_stream`` and ``stderr_stream``
        as mappings; any other is kept for plugins and hooks
    :param rows: the table of options, with what extensions add to it
    :raises KeywordError: an option cannot have its value
    """
    section = f"watcher:{name}"
    if not name.strip():
        raise _error("watcher:", "name", name, "empty", "write the name of the watcher")
    fields: dict[str, Any] = {"args": None}
    extra: dict[str, Any] = {}
    for key, value in {"cmd": cmd, **options}.items():
        if value is None:
            continue
        if key in table(WatcherConfig):
            fields[key] = option_value(section, table(WatcherConfig)[key], value)
        elif key == "env":
            fields["own_env"] = environment(section, value)
        elif key == "rlimits":
            fields[key] = limits(section, value or {})
        elif key == "hooks":
            fields[key] = hook_configs(section, value or {})
        elif key in STREAM_NAMES:
            fields[key] = stream_config(section, key, value)
        else:
            extra[key] = option_value(section, rows[key], value) if key in rows else value
    config = WatcherConfig(name=name, extra=extra, **fields)
    _refuse(section, watcher_problems(config))
    return dataclasses.replace(
        config,
        env=child_env(config, environ),
        working_dir=config.working_dir or working_dir(environ),
        numprocesses=max(0, config.numprocesses),
    )


def socket_config(name: str, options: Mapping[str, Any]) -> SocketConfig:
    """Return a socket; options that no socket has are ignored, as they are in a file.

    :raises KeywordError: an option cannot have its value
    """
    section, rows = f"socket:{name}", table(SocketConfig)
    fields = {key: option_value(section, rows[key], value) for key, value in options.items() if key in rows}
    config = SocketConfig(name=name.lower(), **fields)
    _refuse(section, socket_problems(config))
    return config


def plugin_config(options: Mapping[str, Any]) -> PluginConfig:
    """Return a plugin; its name is ``name``, by default the last word of ``use``.

    :raises KeywordError: ``use`` is missing, or an option cannot have its value
    """
    rest = dict(options)
    use = rest.pop("use", None)
    if not use:
        raise _error("plugin", "use", use, "missing", "write the name or the dotted path of a plugin")
    name = str(rest.pop("name", None) or str(use).rpartition(".")[2]).removeprefix("plugin:")
    priority = option_value(f"plugin:{name}", table(PluginConfig)["priority"], rest.pop("priority", 1))
    group = rest.pop("group", None)
    texts = {key: str(value) for key, value in rest.items() if value is not None}
    return PluginConfig(name=f"plugin:{name}", use=str(use), priority=priority, group=group, options=texts)


def environment(section: str, given: Any) -> dict[str, str]:
    """Return the variables of an ``env`` option: a mapping, or text as in ``A=1,B=2``.

    :raises KeywordError: they are neither
    """
    if isinstance(given, str):
        try:
            return values.environment(given)
        except ValueError as exc:
            raise _error(section, "env", given, str(exc), "write A=1,B=2") from exc
    if given is not None and not isinstance(given, Mapping):
        raise _error(section, "env", given, "no mapping", "write one of names and texts")
    env = {str(name): str(value) for name, value in (given or {}).items()}
    for name, text in env.items():
        if not name or "=" in name or "\0" in name + text:
            raise _error(section, "env", name, "cannot be the name of a variable", "write NAME and a text")
    return env


def hook_configs(section: str, given: Mapping[str, Any]) -> dict[str, HookConfig]:
    """Return hooks from name to callable or dotted path, alone or in a pair with the flag that ignores its failure.

    :raises KeywordError: there is no such hook, or it is neither
    """
    hooks = {}
    for name, value in given.items():
        target, ignore = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, False)
        if name not in HOOK_NAMES:
            raise _error(section, f"hooks.{name}", target, "no hook of Circus", _near(name, dict.fromkeys(HOOK_NAMES)))
        if not (callable(target) or (isinstance(target, str) and target.strip())):
            raise _error(section, f"hooks.{name}", target, "not callable", "write a function or its dotted path")
        hooks[name] = HookConfig(target, values.boolean(ignore) if isinstance(ignore, str) else bool(ignore))
    return hooks


def stream_config(section: str, option: str, given: Any) -> StreamConfig | None:
    """Return a stream from a mapping that has ``class`` (a name or a class), ``stream`` (an object) or ``filename``.

    :raises KeywordError: it has none of them
    """
    if not given:
        return None
    if not isinstance(given, Mapping):
        raise _error(section, option, given, "no mapping", "write one such as {'class': 'StdoutStream'}")
    options = {name: value for name, value in given.items() if name not in {*_WITHOUT_MEANING, "class", "stream"}}
    made, named = given.get("stream"), given.get("class") or ("FileStream" if "filename" in given else None)
    if made is not None:
        return StreamConfig(made)
    if named is None:
        raise _error(section, option, dict(given), "it has no class", "add 'class': 'FileStream' or another one")
    return StreamConfig(named, options)


def default_name(cmd: str) -> str:
    """Return the name of a watcher that was given none: the last part of the program's path."""
    return os.path.basename("".join(cmd.split(maxsplit=1)[:1]))


def _circus_value(row: Option, value: Any) -> Any:
    if row.name.endswith("endpoint") and not value:
        return ""
    return option_value("circus", row, value)


def option_value(section: str, row: Option, value: Any) -> Any:
    """Return what *value*, which may be Python's own type for it, stands for.

    :raises KeywordError: the option cannot have it
    """
    if value is None:
        return row.default
    try:
        if isinstance(value, int) and isinstance(row.default, Enum) and not isinstance(value, bool):
            return type(row.default)(value)
        if row.kind is MODE and isinstance(value, int):
            return value
        return row.accept(_plain(row, value))
    except ValueError as exc:
        raise _error(section, row.name, value, row.kind.complaint, row.kind.fix) from exc


def _plain(row: Option, value: Any) -> Any:
    """Return *value* as JSON would have it."""
    types = row.kind.json_types
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if types == (bool,) and isinstance(value, int):
        return bool(value)
    if isinstance(value, float) and value.is_integer() and float not in types:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not types:
        return str(int(value))
    return value


def limits(section: str, given: Mapping[str, Any]) -> dict[str, int | None]:
    """Return resource limits from name to number.

    :raises KeywordError: there is no such limit, or it is no number
    """
    found = {}
    for name, value in given.items():
        try:
            key = values.rlimit_name(name.removeprefix("rlimit_"))
            found[key] = values.rlimit("" if value is None else str(value))
        except ValueError as exc:
            raise _error(section, f"rlimits.{name}", value, str(exc), "write a limit and a whole number") from exc
    return found


def _refuse(section: str, problems: Iterable[Problem]) -> None:
    for problem in problems:
        raise _error(section, problem.option, problem.value, problem.why, problem.fix)


def _near(name: str, known: Mapping[str, object]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"known: {', '.join(known)}"


def _error(section: str, option: str, value: object, why: str, fix: str) -> KeywordError:
    return KeywordError(section, option, value, why=why, fix=fix)
