"""The figures as a table, as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers import OURS, YARDSTICKS

Results = dict[str, dict[str, list[float]]]
"""Row to peer to samples."""


@dataclass
class Report:
    """Everything that was measured.

    :param units: row to unit
    :param versions: peer to what was measured of it
    :param notes: what went wrong
    :param load: load averages at the ends of runs
    :param commits: of which trees there are figures
    """

    results: Results = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    def add(self, peer: str, samples: Mapping[str, list[float]]) -> None:
        """Add samples of a peer, row by row."""
        for row, values in samples.items():
            self.results.setdefault(row, {}).setdefault(peer, []).extend(values)

    def merge(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`as_json` gave."""
        for name, row in saved["rows"].items():
            self.units[name] = row["unit"]
            for peer, samples in row["samples"].items():
                self.add(peer, {name: samples})
        self.versions = {**saved["versions"], **self.versions}
        self.notes = [*saved.get("notes", []), *self.notes]
        self.load = [*saved.get("load", []), *self.load]
        self.commits += [tree for tree in [saved["commit"]] if tree not in self.commits]

    def table(self) -> str:
        """Return a table in Markdown: a row for each figure, a column for each peer, then ratios of medians.

        The ratios are ours to the best peer, and to the yardsticks.
        """
        peers = [peer for peer in self.versions if any(row.get(peer) for row in self.results.values())]
        ours = [peer for peer in OURS if peer in peers]
        yardsticks = [peer for peer in YARDSTICKS if peer in peers]
        head = ["", *peers, *(f"{peer} / best peer" for peer in ours), *(f"ours / {peer}" for peer in yardsticks)]
        lines = [head, ["---"] * len(head)]
        for name, row in self.results.items():
            unit = f", {self.units[name]}" if self.units.get(name) else ""
            cells = [cell(row[peer]) if row.get(peer) else "" for peer in peers]
            best = _best(self.units.get(name, ""))
            ratios = [ratio(row, peer, _others(row), best) for peer in ours]
            ratios += [ratio(row, OURS[0], [peer], best) for peer in yardsticks]
            lines.append([f"{name}{unit}", *cells, *("" if r is None else f"{r:.2f}" for r in ratios)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def as_json(self) -> dict[str, Any]:
        """Return all samples with what they were measured on."""
        return {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": ", ".join(self.commits),
            "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
            "load": self.load,
            "versions": self.versions,
            "notes": self.notes,
            "rows": {
                name: {
                    "unit": self.units.get(name, ""),
                    "to_best_peer": {
                        peer: ratio(row, peer, _others(row), _best(self.units.get(name, "")))
                        for peer in OURS
                        if row.get(peer)
                    },
                    "medians": {peer: statistics.median(samples) for peer, samples in row.items() if samples},
                    "samples": row,
                }
                for name, row in self.results.items()
            },
        }


def figure(value: float) -> str:
    """Return three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(samples: list[float]) -> str:
    """Return median, range and how many samples that is of."""
    span = f" ({figure(min(samples))}-{figure(max(samples))})" if len(samples) > 1 else ""
    return f"{figure(statistics.median(samples))}{span} [{len(samples)}]"


def ratio(
    row: Mapping[str, list[float]], peer: str, others: Iterable[str], best: Callable[[list[float]], float] = min
) -> float | None:
    """Return the median of *peer* over the best one of *others*; ``None`` when there is nothing to compare."""
    medians = [statistics.median(row[other]) for other in others if row.get(other)]
    if not row.get(peer) or not medians or not best(medians):
        return None
    return statistics.median(row[peer]) / best(medians)


def _best(unit: str) -> Callable[[list[float]], float]:
    """Return what takes the best one of some medians: the most of a throughput, the least of all else."""
    return max if unit == "MB/s" else min


def commit() -> str:
    """Return what this tree is."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _others(row: Mapping[str, list[float]]) -> list[str]:
    return [peer for peer in row if peer not in OURS and peer not in YARDSTICKS]
