"""Rows that extensions add to the table of a watcher's options, each under a prefix of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from circus_core._rows import Option, table
from circus_core._tables import STREAM_NAMES

OptionsT = TypeVar("OptionsT")

_TAKEN = ("hooks", *STREAM_NAMES)


def extension_rows(prefix: str, options_type: type[Any]) -> dict[str, Option]:
    """Return the rows ``prefix.field`` for the fields of a dataclass that are declared with ``option``.

    :raises ValueError: they would stand in the way of other options; says why
    """
    words = prefix.split(".")
    if not all(word.isidentifier() for word in words):
        raise ValueError(f"{prefix!r} is no prefix of options; write names with dots between, as in hook.tcp_ready")
    if words[0] in _TAKEN:
        raise ValueError(f"{prefix!r} is a prefix of Circus itself; choose another one")
    if not (dataclasses.is_dataclass(options_type) and table(options_type)):
        raise ValueError(f"{options_type!r} is no dataclass with fields that circus_core.options.option declares")
    return {
        f"{prefix}.{name}": dataclasses.replace(row, name=f"{prefix}.{name}")
        for name, row in table(options_type).items()
    }


def read_options(options_type: type[OptionsT], prefix: str, options: Mapping[str, Any]) -> OptionsT:
    """Return what *options* of a watcher, by name, say of those under *prefix*; defaults stand for the others.

    :param options: as ``WatcherHandle.options`` returns them, or ``WatcherConfig.extra``
    :raises ValueError: one has a value that it cannot have
    """
    rows = extension_rows(prefix, options_type)
    given = {name: row.accept(options[name]) for name, row in rows.items() if name in options}
    return options_type(**{name.removeprefix(f"{prefix}."): value for name, value in given.items()})
