"""The figures as a table, as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OURS = "ours"
NO_PEER = {"loop"}  # spawns, but supervises nothing: a yardstick, no peer

Results = dict[str, dict[str, list[float]]]
"""Row to peer to samples."""


def figure(value: float) -> str:
    """Return three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(samples: list[float]) -> str:
    """Return median and range."""
    if len(samples) == 1:
        return figure(samples[0])
    return f"{figure(statistics.median(samples))} ({figure(min(samples))}-{figure(max(samples))})"


def ratio(row: dict[str, list[float]]) -> float | None:
    """Return our median over that of the best peer."""
    if OURS not in row:
        return None
    others = [statistics.median(s) for peer, s in row.items() if peer != OURS and peer not in NO_PEER and s]
    best = min(others, default=0.0)
    return statistics.median(row[OURS]) / best if best else None


def table(results: Results, units: dict[str, str], peers: list[str]) -> str:
    """Return a table in Markdown: a row for each figure, a column for each peer, the ratio to the best peer."""
    head = ["", *peers, "ours / best peer", *(f"ours / {p}" for p in peers if p in NO_PEER)]
    lines = [head, ["---"] * len(head)]
    for name, row in results.items():
        unit = f", {units[name]}" if units[name] else ""
        best = ratio(row)
        cells = [cell(row[peer]) if row.get(peer) else "" for peer in peers]
        lines.append([f"{name}{unit}", *cells, f"{best:.2f}" if best is not None else "", *_to_yardsticks(row, peers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _to_yardsticks(row: dict[str, list[float]], peers: list[str]) -> list[str]:
    found = []
    for peer in (peer for peer in peers if peer in NO_PEER):
        known = row.get(peer) and row.get(OURS) and statistics.median(row[peer])
        found.append(f"{statistics.median(row[OURS]) / statistics.median(row[peer]):.2f}" if known else "")
    return found


def as_json(results: Results, units: dict[str, str], versions: dict[str, str]) -> dict[str, Any]:
    """Return all samples with what they were measured on."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "versions": versions,
        "rows": {
            name: {
                "unit": units[name],
                "ours_to_best_peer": ratio(row),
                "samples": row,
                "medians": {peer: statistics.median(samples) for peer, samples in row.items() if samples},
            }
            for name, row in results.items()
        },
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()
