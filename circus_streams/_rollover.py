"""Numbered backups of a file."""

from __future__ import annotations

import os


def shift_backups(path: str, count: int) -> None:
    """Move *path* to ``path.1``, ``path.1`` to ``path.2`` up to *count*, dropping what was the last."""
    for number in range(count - 1, 0, -1):
        if os.path.exists(f"{path}.{number}"):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")
