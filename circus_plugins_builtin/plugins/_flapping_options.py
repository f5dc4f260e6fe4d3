"""The options of the ``flapping`` plugin, of its own section and of watchers."""

from __future__ import annotations

from circus_core.options import OnChange, kinds, option
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class FlappingOptions:
    """Options of ``flapping``."""

    attempts: int = option(kinds.whole(1), 2, "So many deaths in a row are looked at.", on_change=OnChange.NOTHING)
    window: float = option(
        kinds.SECONDS,
        1.0,
        "They are flapping when they came within this time and the ``check_delay`` of ``circusd``.",
        unit="s",
        on_change=OnChange.NOTHING,
    )
    retry_in: float = option(
        kinds.SECONDS,
        7.0,
        "Time that the watcher stays stopped before it is tried again.",
        unit="s",
        on_change=OnChange.NOTHING,
    )
    max_retry: int = option(
        kinds.whole(-1),
        5,
        "Tries in a row after which the watcher is stopped for good. -1 tries for ever.",
        on_change=OnChange.NOTHING,
    )


@dataclass(frozen=True, kw_only=True)
class WatcherFlapping(FlappingOptions):
    """What a watcher says of flapping: ``flapping.attempts`` and so on."""

    active: bool = option(kinds.BOOL, True, "Whether the plugin looks after this watcher.", on_change=OnChange.NOTHING)
