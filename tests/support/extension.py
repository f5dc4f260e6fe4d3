"""Extensions that are a file: found like those that pip installed, without installing anything."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODULES = Path(__file__).with_name("extensions")


def lay_out(folder: Path, module: str, groups: Mapping[str, Mapping[str, str]], *, version: str = "1.0") -> None:
    """Put a module of ours into *folder*, with the metadata that pip would have written.

    :param groups: entry-point group to name to value
    """
    shutil.copy(MODULES / f"{module}.py", folder)
    name = module.replace("_", "-")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))


class Noting:
    """The extension that answers every hookspec, for one daemon."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notes"
        lay_out(folder, "demo_every_hook", {"circus.extensions": {"every_hook": "demo_every_hook"}})
        self.env = {**os.environ, "PYTHONPATH": str(folder), "DEMO_NOTES": str(self._path)}

    def notes(self, spec: str, **facts: Any) -> list[dict[str, Any]]:
        """Return the calls of *spec* so far with these facts, in their order."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [note for note in map(json.loads, lines) if note["spec"] == spec and facts.items() <= note.items()]

    def order(self, *specs: str) -> list[str]:
        """Return in which order the calls of *specs* came."""
        return [note["spec"] for note in map(json.loads, self._path.read_text().splitlines()) if note["spec"] in specs]
