"""Options: the table of all of them, what commands read of a watcher's, what they change.

The table is the fields of :class:`CircusConfig`, :class:`WatcherConfig`, :class:`SocketConfig` and
:class:`PluginConfig`; ``table(WatcherConfig)`` gives its rows by name.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from circus_core import _kinds as kinds
from circus_core import values
from circus_core._checks import watcher_problems
from circus_core._environment import child_env
from circus_core._extension_rows import extension_rows, read_options
from circus_core._nearest import nearest
from circus_core._rows import Kind, OnChange, Option, option, table
from circus_core._tables import (
    HOOK_NAMES,
    IGNORED,
    STREAM_NAMES,
    WATCHER_PREFIXES,
    CircusConfig,
    HookConfig,
    PluginConfig,
    SocketConfig,
    StreamConfig,
    WatcherConfig,
)
from circus_core.accounts import group_number, user_number
from circus_core.errors import MessageError
from circus_core.values import Respawn

__all__ = [
    "HOOK_NAMES",
    "IGNORED",
    "STREAM_NAMES",
    "CircusConfig",
    "HookConfig",
    "Kind",
    "OnChange",
    "Option",
    "PluginConfig",
    "Respawn",
    "SocketConfig",
    "StreamConfig",
    "WatcherConfig",
    "check_numprocesses",
    "extension_rows",
    "get_watcher_option",
    "kinds",
    "make_watcher_config",
    "nearest",
    "option",
    "read_options",
    "set_watcher_options",
    "table",
    "watcher_options",
]

_Rows = Mapping[str, Option]
_ROWS: Final[_Rows] = table(WatcherConfig)
_ENV_OPTIONS: Final = {"copy_env", "copy_path", "virtualenv", "virtualenv_py_ver"}
_FREE_NUMBERS: Final = {"retry_in"}  # no watcher uses it, plugins read it from the free-form options


def watcher_options(config: WatcherConfig, *, rows: _Rows = _ROWS) -> dict[str, Any]:
    """Return option name to value as the ``options`` command replies them, free-form ones included.

    :param rows: the table with what extensions add to it; of those options it tells which were given
    """
    extra = {key: rows[key].kind.show(value) if key in rows else value for key, value in config.extra.items()}
    reply = {row.name: row.kind.show(getattr(config, row.name)) for row in _ROWS.values() if row.in_reply}
    reply["working_dir"] = config.working_dir or os.getcwd()
    absent: dict[str, str] | None = None if config.is_added else {}
    reply["env"] = dict(config.env) or absent
    for name in STREAM_NAMES:
        stream: StreamConfig | None = getattr(config, name)
        reply[f"{name}_conf"] = dict(stream.options) if stream else absent
    return dict(sorted({**extra, **reply}.items()))


def get_watcher_option(config: WatcherConfig, key: str, *, rows: _Rows = _ROWS) -> Any:
    """Return one option as the ``get`` command replies it: each that ``options`` tells, and each that ``set`` takes.

    :param rows: the table with what extensions add to it
    :raises MessageError: there is none of that name
    """
    shown = watcher_options(config, rows=rows)
    if key in shown:
        return shown[key]
    if key in rows:
        return rows[key].kind.show(getattr(config, key, rows[key].default))
    prefix, _, rest = key.partition(".")
    if key.startswith("rlimit_") and key[7:].lower() in config.rlimits:
        return config.rlimits[key[7:].lower()]
    if prefix == "hooks" and rest in config.hooks:
        return str(config.hooks[rest].target)
    stream = getattr(config, prefix) if prefix in STREAM_NAMES else None
    if stream is not None and rest in (found := {"class": str(stream.class_name), **stream.options}):
        return found[rest]
    raise MessageError(f"{key!r} option not found{values.hint(key, tuple({**shown, **rows}))}")


def set_watcher_options(
    config: WatcherConfig,
    options: Mapping[str, Any],
    *,
    rows: _Rows = _ROWS,
    environ: Mapping[str, str] = os.environ,
) -> tuple[WatcherConfig, OnChange]:
    """Return *config* with the JSON values of *options*, as the ``set`` command has them, and what applying them needs.

    :param rows: the table to read; the options that extensions add to it are kept in ``extra``
    :raises MessageError: one cannot be set
    """
    change = OnChange.NOTHING
    for key, value in options.items():
        try:
            config, needed = _change(config, key, value, rows)
        except ValueError as exc:
            raise MessageError(str(exc)) from exc
        change = max(change, needed)
    config = dataclasses.replace(
        config,
        numprocesses=max(0, config.numprocesses),
        uid=user_number(config.uid) if "uid" in options else config.uid,
        gid=group_number(config.gid) if "gid" in options else config.gid,
    )
    if _ENV_OPTIONS & options.keys():
        config = dataclasses.replace(config, env=child_env(config, environ))
    _check(config)
    return config, change


def make_watcher_config(
    name: str,
    cmd: str,
    args: Any = None,
    options: Mapping[str, Any] | None = None,
    *,
    rows: _Rows = _ROWS,
    environ: Mapping[str, str] = os.environ,
) -> WatcherConfig:
    """Return the configuration of a watcher that the ``add`` command describes.

    :param args: text or a list of words
    :raises MessageError: an option is unknown or has a wrong value
    """
    if not name.strip():
        raise MessageError("'name' is empty; write the name of the new watcher")
    if not name.isprintable():
        raise MessageError(f"'name' = {name!r} holds characters that cannot be printed; write a plain text")
    config = WatcherConfig(name=name, is_added=True, args=None, working_dir=working_dir(environ))
    given = {"cmd": cmd, **({} if args is None else {"args": args}), **(options or {})}
    for key, value in given.items():
        try:
            config, _ = _change(config, key, value, rows)
        except ValueError as exc:
            raise MessageError(str(exc)) from exc
    config = dataclasses.replace(config, numprocesses=max(0, config.numprocesses))
    _check(config)
    return dataclasses.replace(config, env=child_env(config, environ))


def check_numprocesses(count: int) -> int:
    """Return *count* if a watcher may be asked for so many processes.

    :raises MessageError: it may not
    """
    try:
        checked: int = _ROWS["numprocesses"].accept(count)
    except ValueError as exc:
        raise MessageError(str(exc)) from exc
    return checked


def working_dir(environ: Mapping[str, str] = os.environ) -> str:
    """Return the working directory of ``circusd``, as ``PWD`` names it when that is the same one."""
    here = os.getcwd()
    named = environ.get("PWD")
    try:
        return named if named and os.path.samefile(named, here) else here
    except OSError:
        return here


def _check(config: WatcherConfig) -> None:
    for problem in watcher_problems(config):
        raise MessageError(f"{problem.option!r} = {problem.value!r}: {problem.why}; {problem.fix}")


def _replaced(config: WatcherConfig, field: str, value: Any) -> WatcherConfig:
    fields: dict[str, Any] = {field: value}
    return dataclasses.replace(config, **fields)


_Changed = tuple[WatcherConfig, OnChange]


def _change(config: WatcherConfig, key: str, value: Any, rows: _Rows) -> _Changed:
    """Return *config* with one option set, and what that needs; :class:`ValueError` says what is wrong."""
    if key in rows:
        row = rows[key]
        taken = row.accept(value)
        if key in _ROWS:
            return _replaced(config, key, taken), row.on_change
        return dataclasses.replace(config, extra={**config.extra, key: taken}), row.on_change
    if key in _SPECIAL:
        return _SPECIAL[key](config, key, value)
    for prefix in WATCHER_PREFIXES:
        if key.startswith(prefix) and key != prefix:
            return _PREFIXED[prefix](config, key, value)
    if key in config.extra or key in _FREE_NUMBERS:
        return _set_extra(config, key, value)
    known = tuple({**rows, **_SPECIAL, **config.extra})
    raise ValueError(f"unknown key {key!r}{values.hint(key, known)}")


def _set_env(config: WatcherConfig, key: str, value: Any) -> _Changed:
    if isinstance(value, str):
        value = values.environment(value)
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{key!r} isn't a valid object; write one of strings, or A=1,B=2")
    for name, text in value.items():
        if not isinstance(text, str):
            raise ValueError(f"{name!r} isn't a string; write the variables of 'env' as strings")
        if not name or "=" in name or "\0" in name + text:
            raise ValueError(f"{name!r} in 'env' cannot be the name of a variable; write NAME and a text")
    return dataclasses.replace(config, own_env=dict(value), env=dict(value)), OnChange.RELOAD


def _hook(name: str, value: Any) -> HookConfig:
    if name not in HOOK_NAMES:
        raise ValueError(f"Unknown hook {name!r}; known: {', '.join(HOOK_NAMES)}")
    if isinstance(value, str):
        return parse_hook(value)
    match value:
        case [str(target), bool(flag)]:
            return HookConfig(target, flag)
    raise ValueError(f"hook {name!r} isn't a string; write 'package.function' or 'package.function,flag'")


def parse_hook(text: str) -> HookConfig:
    """Return the hook that ``package.function[, flag]`` describes.

    :raises ValueError: says what is wrong
    """
    target, _, flag = text.partition(",")
    if not target.strip():
        raise ValueError("it names no function")
    return HookConfig(target.strip(), values.boolean(flag) if flag.strip() else False)


def _set_hooks(config: WatcherConfig, key: str, value: Any) -> _Changed:
    if isinstance(value, str):
        pairs = [item.partition(":") for item in value.split(",") if item.strip()]
        value = {name.strip(): target.strip() for name, _, target in pairs}
    if not isinstance(value, Mapping):
        raise ValueError(f"{key!r} isn't a valid object; write one of hook names and functions")
    hooks = {name: _hook(name, target) for name, target in value.items()}
    return dataclasses.replace(config, hooks=hooks), OnChange.NOTHING


def _set_hook(config: WatcherConfig, key: str, value: Any) -> _Changed:
    name = key.removeprefix("hooks.")
    return dataclasses.replace(config, hooks={**config.hooks, name: _hook(name, value)}), OnChange.NOTHING


def _set_rlimit(config: WatcherConfig, key: str, value: Any) -> _Changed:
    try:
        name = values.rlimit_name(key.removeprefix("rlimit_"))
    except ValueError:
        raise ValueError(f"{key!r} isn't a valid rlimit setting{values.hint(key[7:], values.RLIMITS)}") from None
    if isinstance(value, bool) or not isinstance(value, (int, str, type(None))):
        raise ValueError(f"{key!r} isn't a valid rlimit setting: {value!r}; write a whole number or null")
    try:
        limit = values.rlimit("" if value is None else str(value))
    except ValueError as exc:
        raise ValueError(f"{key!r} isn't a valid rlimit setting: {value!r}: {exc}; write a whole number") from None
    return dataclasses.replace(config, rlimits={**config.rlimits, name: limit}), OnChange.RELOAD


def _set_stream(config: WatcherConfig, key: str, value: Any) -> _Changed:
    had = getattr(config, key) is not None
    if value is None:
        return _replaced(config, key, None), OnChange.RELOAD if had else OnChange.NOTHING
    if not isinstance(value, Mapping) or not (isinstance(value.get("class"), str) or value.get("filename")):
        raise ValueError(f"{key!r} must have a 'class' key; write an object such as {{'class': 'StdoutStream'}}")
    stream = StreamConfig(
        str(value.get("class") or "FileStream"), {name: item for name, item in value.items() if name != "class"}
    )
    return _replaced(config, key, stream), OnChange.NOTHING if had else OnChange.RELOAD


def _set_stream_option(config: WatcherConfig, key: str, value: Any) -> _Changed:
    name, _, rest = key.partition(".")
    stream: StreamConfig | None = getattr(config, name)
    given = {} if stream is None else {"class": stream.class_name, **stream.options}
    return _set_stream(config, name, {**given, rest: value})


def _set_extra(config: WatcherConfig, key: str, value: Any) -> _Changed:
    if key in _FREE_NUMBERS and not isinstance(value, (str, int, float)):
        raise ValueError(f"{key!r} {kinds.NUMBER.complaint}; {kinds.NUMBER.fix}")
    if isinstance(value, str) and key in _FREE_NUMBERS:
        value = values.number(value)
    return dataclasses.replace(config, extra={**config.extra, key: value}), OnChange.NOTHING


_Setter = Callable[[WatcherConfig, str, Any], _Changed]
_SPECIAL: Final[Mapping[str, _Setter]] = {
    "env": _set_env,
    "hooks": _set_hooks,
    "stdout_stream": _set_stream,
    "stderr_stream": _set_stream,
}
_PREFIXED: Final[Mapping[str, _Setter]] = {
    "rlimit_": _set_rlimit,
    "hooks.": _set_hook,
    "stdout_stream.": _set_stream_option,
    "stderr_stream.": _set_stream_option,
}
