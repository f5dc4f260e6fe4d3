"""Hookimpls that note what happens, mark what is spawned, refuse one command."""

from __future__ import annotations

import dataclasses
from typing import Any

from circus_core.events import Event
from circus_core.hookspecs import hookimpl
from circus_core.spawner import SpawnRequest
from circus_demo_good.notes import write


@hookimpl
def circus_daemon_starting() -> None:
    """Note it."""
    write("starting")


@hookimpl
def circus_daemon_stopping() -> None:
    """Note it."""
    write("stopping")


@hookimpl
def circus_event_published(event: Event) -> None:
    """Note it."""
    write(event.topic)


@hookimpl
def circus_before_spawn(request: SpawnRequest) -> SpawnRequest:
    """Mark the process by a variable of its environment."""
    return dataclasses.replace(request, env={**request.env, "DEMO_GOOD": "was here"})


@hookimpl
def circus_before_command(command: str, args: Any) -> str | None:
    """Refuse to remove a watcher."""
    return f"{args.name} is not to be removed" if command == "rm" else None
