"""Hooks that note each call in the file ``hooks`` of the daemon's folder, as JSON."""

from __future__ import annotations

import json
import threading
from typing import Any

NEVER = threading.Event()


def note(watcher: Any, arbiter: Any, hook_name: str, **extras: Any) -> bool:
    """Let it go on."""
    with open("hooks", "a", encoding="utf-8") as file:
        file.write(json.dumps({"hook": hook_name, "watcher": watcher.name, **extras}) + "\n")
    return True


async def note_later(**kwargs: Any) -> bool:
    """Let it go on, from a coroutine."""
    return note(**kwargs)


def refuse(**kwargs: Any) -> None:
    """Refuse, as a hook does that forgets to return something."""
    note(**kwargs)


def fail(**kwargs: Any) -> bool:
    """Raise."""
    note(**kwargs)
    raise ValueError("boom")


def leave(**kwargs: Any) -> None:
    """Try to end the daemon."""
    note(**kwargs)
    raise SystemExit(3)


def hang(**kwargs: Any) -> bool:
    """Never return."""
    note(**kwargs)
    return NEVER.wait()


def add_figure(pid: int, stats: dict[str, Any], **_: Any) -> None:
    """Add to the statistics."""
    stats["double"] = 2 * pid
