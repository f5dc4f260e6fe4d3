"""The options of the ``file_watch`` plugin, of its own section and of watchers."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any, Final

from circus_core.options import Kind, OnChange, kinds, option
from circus_core.quick_dataclass import dataclass

_ACTIONS: Final = ("reload", "restart", "signal", "event")


def _action(text: str) -> str:
    word = text.strip().lower()
    if word not in _ACTIONS:
        raise ValueError(f"none of {', '.join(_ACTIONS)}")
    return word


_ACTION: Final = Kind(name="word", parse=_action, fix=f"write one of {', '.join(_ACTIONS)}")
_GLOBS: Final = kinds.word_list("paths or globs")
_option: Final[Any] = partial(option, on_change=OnChange.NOTHING)


@dataclass(frozen=True, kw_only=True)
class FileWatchOptions:
    """Which files are watched, and what follows; written in the section of a watcher as ``file_watch.paths``."""

    paths: tuple[str, ...] = _option(
        _GLOBS, (), "Files to watch, from ``working_dir``: paths, folders, or globs in which ``**`` is any folders."
    )
    ignore: tuple[str, ...] = _option(_GLOBS, (), "Files, by the same patterns, whose changes do not count.")
    action: str = _option(
        _ACTION,
        "reload",
        "What to do after a change: ``reload`` gracefully, ``restart``, send a ``signal``,"
        " or only publish the ``event``.",
    )
    signal: int = _option(kinds.SIGNAL, int(signal.SIGHUP), "Signal for ``action = signal``.")
    debounce: float = _option(kinds.SECONDS, 0.5, "Time without a further change after which it is done.", unit="s")
