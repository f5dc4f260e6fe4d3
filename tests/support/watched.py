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


def figures(*pids: int) -> Figures:
    """Return the figures of some processes together."""
    descriptors = threads = memory = 0
    for folder in (Path(f"/proc/{pid}") for pid in pids):
        descriptors += len(os.listdir(folder / "fd"))
        threads += len(os.listdir(folder / "task"))
        lines = (folder / "smaps_rollup").read_text().splitlines()
        memory += sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
    return Figures(descriptors, threads, memory * 1024)


def lowest(samples: Sequence[Figures]) -> Figures:
    """Return the least of each figure: what is there for a moment only is not in it."""
    return Figures(
        min(sample.descriptors for sample in samples),
        min(sample.threads for sample in samples),
        min(sample.memory for sample in samples),
    )
