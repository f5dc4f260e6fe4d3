"""What a running program takes of the machine: descriptors, threads, memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figures:
    """What a program has now; memory in bytes, all but what it shares with other programs."""

    descriptors: int
    threads: int
    memory: int


def figures(pid: int) -> Figures:
    """Return the figures of a process."""
    folder = Path(f"/proc/{pid}")
    lines = (folder / "smaps_rollup").read_text().splitlines()
    private = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
    return Figures(len(os.listdir(folder / "fd")), len(os.listdir(folder / "task")), private * 1024)


def lowest(samples: Sequence[Figures]) -> Figures:
    """Return the least of each figure: what is there for a moment only is not in it."""
    return Figures(
        min(sample.descriptors for sample in samples),
        min(sample.threads for sample in samples),
        min(sample.memory for sample in samples),
    )
