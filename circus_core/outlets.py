"""Whose output is taken from a pipe, and how much of it is kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # circusctl needs nothing of it
    from circus_core.options import WatcherConfig

DEFAULT_RING: Final = 64 * 1024  #: what ``log_ring`` is for processes that have a stream
OUTPUTS: Final = ("stdout", "stderr")


def has_pipe(config: WatcherConfig, name: str) -> bool:
    """Whether *name*, ``stdout`` or ``stderr``, of the processes is a pipe, not ``circusd``'s own."""
    is_closed = getattr(config, f"close_child_{name}")
    return not is_closed and (getattr(config, f"{name}_stream") is not None or bool(config.log_ring))


def ring_size(config: WatcherConfig) -> int:
    """Return how many bytes of the output of each process are kept in memory."""
    size = DEFAULT_RING if config.log_ring is None else config.log_ring
    return size if any(has_pipe(config, name) for name in OUTPUTS) else 0
