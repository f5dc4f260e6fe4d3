"""Output that was lost."""

from __future__ import annotations

from collections.abc import Iterable

from circus_core.interfaces import WatcherHandle


def output_lost(watchers: Iterable[WatcherHandle]) -> dict[str, int]:
    """Return watcher to bytes of output that no stream took, of those that lost any."""
    return {watcher.name: watcher.output_lost for watcher in watchers if watcher.output_lost}
