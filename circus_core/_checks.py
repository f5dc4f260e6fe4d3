"""What has to hold between the options of one section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from circus_core._tables import SocketConfig, WatcherConfig
from circus_core.values import split_words


class Problem(NamedTuple):
    """Why an option cannot have its value; *fix* says what to write instead."""

    option: str
    value: Any
    why: str
    fix: str


def watcher_problems(config: WatcherConfig) -> Iterator[Problem]:
    """Yield what is wrong with a watcher, whatever the machine is."""
    if not config.cmd.strip():
        yield Problem("cmd", config.cmd, "missing", "write the command line to run")
    for name in ("cmd", "args", "shell_args"):
        text = getattr(config, name)
        if isinstance(text, str) and not (config.shell and name != "shell_args"):
            yield from _quoting(name, text)
    if config.singleton and config.numprocesses > 1:
        yield Problem(
            "numprocesses",
            config.numprocesses,
            "Singleton watcher has a single process",
            "write 1 or turn singleton off",
        )
    for name in ("copy_path", "virtualenv"):
        if getattr(config, name) and not config.copy_env:
            yield Problem(name, getattr(config, name), "does nothing without copy_env", "add copy_env = True")


def _quoting(name: str, text: str) -> Iterator[Problem]:
    try:
        split_words(text)
    except ValueError as exc:
        yield Problem(name, text, str(exc).lower(), "close the quotes, or write a backslash before a lone one")


def socket_problems(config: SocketConfig) -> Iterator[Problem]:
    """Yield what is wrong with a socket, whatever the machine is."""
    if config.family.name == "AF_UNIX" and not config.path:
        yield Problem("path", config.path, "a unix socket needs one", "write the path of the socket file")
    if config.so_reuseport and config.path:
        yield Problem("so_reuseport", True, "a unix socket cannot be bound twice", "remove it or use host and port")
