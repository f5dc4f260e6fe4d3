"""Where the output of a watcher's processes goes, and how much of it is kept in memory."""

from __future__ import annotations

from typing import Final

from circus_core.options import StreamConfig, WatcherConfig

DEFAULT_RING: Final = 64 * 1024  #: what ``log_ring`` is for processes that have a stream
OUTPUTS: Final = ("stdout", "stderr")


def outlet(config: WatcherConfig, name: str) -> StreamConfig | None:
    """Return the stream that takes *name*, ``stdout`` or ``stderr``, of the processes.

    ``None`` when there is none: they then have ``circusd``'s own, or nothing when it is closed.
    """
    conf: StreamConfig | None = getattr(config, f"{name}_stream")
    if conf is None and config.log_ring and not getattr(config, f"close_child_{name}"):
        return own_output(name)
    return conf


def own_output(name: str) -> StreamConfig:
    """Return the stream that passes *name* on to ``circusd``'s own."""
    return StreamConfig("FileStream", {"filename": f"/dev/{name}"})


def ring_size(config: WatcherConfig) -> int:
    """Return how many bytes of the output of each process are kept in memory."""
    size = DEFAULT_RING if config.log_ring is None else config.log_ring
    return size if any(outlet(config, name) for name in OUTPUTS) else 0
