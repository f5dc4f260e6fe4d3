"""Patterns of watcher names, as commands take them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

from circus_core.errors import MessageError


def matcher(pattern: str, how: str) -> Callable[[str], object]:
    """Return what tells whether a name matches *pattern*.

    :param how: ``glob`` or ``regex``
    :raises MessageError: *how* is none of them, or *pattern* is bad
    """
    if how == "glob":
        return re.compile(fnmatch.translate(pattern)).match
    if how != "regex":
        raise MessageError(f"unknown match method {how}")
    try:
        return re.compile(pattern).match
    except re.error as exc:
        raise MessageError(f"bad regular expression {pattern!r}: {exc}") from exc
