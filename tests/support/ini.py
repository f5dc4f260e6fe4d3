"""Sections of an ini file, as tests write them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
PYTHON = f"{sys.executable} -I -S"


@dataclass(frozen=True)
class Section:
    """One section: its full name, its options."""

    name: str
    options: Mapping[str, object]

    def __str__(self) -> str:
        lines = [f"{key} = {value}".rstrip() for key, value in self.options.items()]
        return "\n".join([f"[{self.name}]", *lines, ""])


def ready(name: str) -> str:
    """Return a command that prints that it is ready, then waits to be ended."""
    return f"/bin/sh {PROGRAMS}/ready {name} $(circus.wid)"


def stubborn(name: str) -> str:
    """Return a command that prints that it is ready, then ignores every signal that can be."""
    return f"/bin/sh {PROGRAMS}/stubborn {name} $(circus.wid)"


def family(name: str) -> str:
    """Return a command with a child and a grandchild."""
    return f"/bin/sh {PROGRAMS}/family {name} $(circus.wid)"


def signals(name: str) -> str:
    """Return a command that prints each signal that it gets, and exits 0 on TERM."""
    return f"{PYTHON} {PROGRAMS}/signals.py {name} $(circus.wid)"


def identity(name: str) -> str:
    """Return a command that prints all that it was given by whoever spawned it."""
    return f"{PYTHON} {PROGRAMS}/identity.py {name} $(circus.wid)"


def watcher(name: str, options: Mapping[str, object] | None = None, /, **more: object) -> Section:
    """Return a ``[watcher:name]`` section; without ``cmd`` its processes print that they are ready, then wait."""
    given = {**(options or {}), **more}
    given.setdefault("cmd", ready(name.replace(" ", "_")))
    return Section(f"watcher:{name}", given)


def socket(name: str, options: Mapping[str, object] | None = None, /, **more: object) -> Section:
    """Return a ``[socket:name]`` section, on a free port of the loopback unless it says otherwise."""
    given = {**(options or {}), **more}
    if "path" not in given:
        given = {"host": "127.0.0.1", "port": 0, **given}
    return Section(f"socket:{name}", given)


def env(pattern: str = "", /, **variables: object) -> Section:
    """Return an ``[env]`` or ``[env:pattern]`` section."""
    return Section(f"env:{pattern}" if pattern else "env", variables)


def circus(**options: object) -> Section:
    """Return further options of the ``[circus]`` section."""
    return Section("circus", options)
