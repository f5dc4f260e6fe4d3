"""Sections of plugins, and what the plugins of the tests wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.ini import PROGRAMS, Section
from tests.support.waiting import wait_for

MODULE = PROGRAMS / "plugins_of_tests.py"


def plugin(name: str, use: str, /, **options: object) -> Section:
    """Return a ``[plugin:name]`` section."""
    return Section(f"plugin:{name}", {"use": use, **options})


def wait_connected(daemon: Daemon, name: str, *, count: int = 1) -> None:
    """Return when a plugin said that it gets every event, for the *count*-th time."""
    wait_for(lambda: daemon.log.count(f"plugin:{name}: connected") >= count, f"plugin {name} to be connected")


class Record:
    """What a plugin of ``plugins_of_tests.py`` wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def plugin(self, name: str, kind: str = "Recorder", /, **options: object) -> Section:
        """Return a section that runs a plugin which writes here."""
        return plugin(name, f"{MODULE}:{kind}", out=self.path, **options)

    def notes(self, key: str) -> list[Any]:
        """Return what was noted under *key*, oldest first."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [note[key] for note in map(json.loads, lines) if key in note]

    def wait(self, key: str, *, count: int = 1) -> Any:
        """Return the *count*-th note under *key* once it is there."""
        found = wait_for(lambda: self.notes(key)[count - 1 :], f"note {count} of {key}; noted: {self.path}")
        return found[0]

    def wait_event(self, topic: str, *, count: int = 1) -> None:
        """Return when the plugin got the *count*-th event *topic*, ``watcher.action``."""
        wait_for(lambda: self.notes("event").count(topic) >= count, f"event {topic} ({count}) in {self.path}")
