"""Notes of what happened, one line each, in the file that ``DEMO_NOTES`` names."""

from __future__ import annotations

import os
from typing import Any


def write(line: str) -> None:
    """Add a line."""
    with open(os.environ["DEMO_NOTES"], "a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def note(hook_name: str, watcher: Any, **_: Any) -> bool:
    """Note that a watcher's hook was called."""
    write(f"{hook_name} of {watcher.name}")
    return True
