"""Old files beside a file: ``path.1`` and on, or ``path.20260131``."""

from __future__ import annotations

import os
import re
from pathlib import Path


def shift_backups(path: str, count: int) -> None:
    """Move *path* to ``path.1``, ``path.1`` to ``path.2`` up to *count*, dropping what was the last."""
    for number in range(count - 1, 0, -1):
        if os.path.exists(f"{path}.{number}"):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")


def set_aside(path: str, name: str) -> None:
    """Move *path* to *name*, or to ``name.1`` and on when that is taken."""
    free, number = name, 0
    while os.path.exists(free):
        number += 1
        free = f"{name}.{number}"
    os.rename(path, free)


def drop_oldest(path: str, count: int) -> None:
    """Remove all but the newest *count* files that are called like *path* with a date; 0 keeps all."""
    if not count:
        return
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"\.(\d{8,14})(?:\.(\d+))?")
    dated = []
    for entry in os.listdir(folder or "."):
        if match := pattern.fullmatch(entry):
            dated.append((match[1], int(match[2] or 0), entry))
    for *_, entry in sorted(dated)[:-count]:
        (Path(folder) / entry).unlink(missing_ok=True)
