"""The growth of figures with the number of processes, as an SVG of small plots."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.growth import COUNTS, ROWS
from benchmarks.peers import OURS

_COLOURS = {"ours": "#1a7f4b", "no-keeper": "#b3541e"}
_WIDTH, _HEIGHT = 230, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 34, 30
_COLUMNS = 4

Points = Mapping[str, Sequence[tuple[int, float]]]
"""Peer to (number of processes, median)."""


def plot(results: Mapping[str, Mapping[str, list[float]]], caption: str) -> str:
    """Return an SVG with a plot for each figure; both axes are linear and begin at 0."""
    plots = {f"{name}, {unit}": _points(results, name) for name, unit in ROWS.items()}
    plots = {title: points for title, points in plots.items() if any(points.values())}
    rows = -(-len(plots) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH + 12, rows * _HEIGHT + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (title, points) in enumerate(plots.items()):
        x, y = number % _COLUMNS * _WIDTH, number // _COLUMNS * _HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{_one(title, points)}</g>')
    x = 12
    for peer in OURS:
        parts.append(f'<rect x="{x}" y="{height - 24}" width="12" height="4" fill="{_COLOURS[peer]}"/>')
        parts.append(f'<text x="{x + 17}" y="{height - 18}" fill="#222">{peer}</text>')
        x += 90
    parts.append(f'<text x="{x}" y="{height - 18}" fill="#555">{escape(caption)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _points(results: Mapping[str, Mapping[str, list[float]]], name: str) -> Points:
    return {
        peer: [
            (count, statistics.median(samples))
            for count in COUNTS
            if (samples := results.get(f"{name}, {count}", {}).get(peer))
        ]
        for peer in OURS
    }


def _one(title: str, points: Points) -> str:
    across = max(count for line in points.values() for count, _ in line)
    top = _round_up(max(value for line in points.values() for _, value in line))
    inner, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    floor = _TOP + high

    def at(count: float, value: float) -> tuple[float, float]:
        return _LEFT + inner * count / across, floor - high * value / top

    parts = [f'<text x="{_LEFT}" y="18" font-weight="bold" fill="#222">{title}</text>']
    for share in (0.0, 0.5, 1.0):
        _, y = at(0, top * share)
        parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + inner}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{top * share:g}</text>')
    for count in sorted({count for line in points.values() for count, _ in line if count >= across / 10}):
        x, _ = at(count, 0)
        parts.append(f'<text x="{x:.1f}" y="{floor + 15}" text-anchor="middle" fill="#555">{count}</text>')
    for peer, line in points.items():
        places = [at(count, value) for count, value in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[peer]}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{_COLOURS[peer]}"/>' for x, y in places]
    return "".join(parts)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 6, 8, 10 times a power of ten."""
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.01
    while value > 10 * power:
        power *= 10
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
