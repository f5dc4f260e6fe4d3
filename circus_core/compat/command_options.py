"""Options of watchers in messages, as ``circus.commands.util`` has them."""

from __future__ import annotations

from typing import Any

from circus_core import values
from circus_core.errors import UsageError
from circus_core.options import HOOK_NAMES, STREAM_NAMES, WatcherConfig, set_watcher_options, table


def convert_option(key: str, val: str) -> Any:
    """Return the value for a message from the text of a command line.

    :raises UsageError: there is no such option, or it cannot have this value
    """
    try:
        return _converted(key, val)
    except ValueError as exc:
        raise UsageError(f"{key}: {val!r} cannot be used: {exc}") from exc


def validate_option(key: str, val: Any) -> None:
    """Look whether ``set`` would take a value.

    :raises MessageError: it would not
    """
    set_watcher_options(WatcherConfig(name="x", cmd="x", numprocesses=0), {key: val})


def _converted(key: str, text: str) -> Any:
    row = table(WatcherConfig).get(key)
    prefix, _, rest = key.partition(".")
    if row is not None:
        return row.kind.show(row.parse(text))
    if key == "env":
        return values.environment(text)
    if key == "hooks":
        pairs = [item.partition(":") for item in text.split(",")]
        return {name.strip(): target.strip() for name, _, target in pairs}
    if key.startswith("rlimit_"):
        return values.rlimit(text)
    if (prefix == "hooks" and rest in HOOK_NAMES) or (prefix in STREAM_NAMES and rest):
        return text
    raise UsageError(f"unknown key {key!r}")
