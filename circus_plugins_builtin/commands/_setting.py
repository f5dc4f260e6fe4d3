"""Words of a command line to values of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from circus_core.errors import UsageError
from circus_core.options import HOOK_NAMES, STREAM_NAMES, WatcherConfig, nearest, table
from circus_core.values import environment

_STREAM_NUMBERS: Final = ("max_bytes", "backup_count")


def to_json(key: str, text: str) -> Any:
    """Return the JSON value that the daemon wants for option *key* where a person wrote *text*.

    :raises UsageError: there is no such option, or it cannot have that value
    """
    convert = _converter(key)
    try:
        return convert(text)
    except ValueError as exc:
        raise UsageError(f"{key}: {text!r} cannot be used: {exc}") from exc


def _converter(key: str) -> Callable[[str], Any]:
    if key in _SPECIAL:
        return _SPECIAL[key]
    row = table(WatcherConfig).get(key)
    if row is not None and key not in STREAM_NAMES:
        return lambda text: row.kind.show(row.parse(text))
    prefix, dot, rest = key.partition(".")
    if prefix == "hooks" and rest in HOOK_NAMES:
        return str
    if prefix == "hooks" and dot:
        raise UsageError(f"Unknown hook {rest!r}; known: {', '.join(HOOK_NAMES)}")
    if prefix in STREAM_NAMES and rest:
        return int if rest in _STREAM_NUMBERS else str
    if key.startswith("rlimit_"):
        return _limit
    # A dotted option belongs to an extension of the daemon, which knows it.
    if dot and rest and prefix not in STREAM_NAMES:
        return str
    near = nearest(key, (*table(WatcherConfig), *_SPECIAL))
    raise UsageError(f"unknown key {key!r}" + (f"; did you mean {near!r}?" if near else ""))


def _hooks(text: str) -> Mapping[str, str]:
    pairs = [item.partition(":") for item in text.split(",")]
    return {name.strip(): target.strip() for name, _, target in pairs}


def _limit(text: str) -> int | None:
    return None if text.lower() in ("infinity", "unlimited", "-1") else int(text)


_SPECIAL: Final[Mapping[str, Callable[[str], Any]]] = {"env": environment, "hooks": _hooks, "retry_in": float}
