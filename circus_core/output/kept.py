"""The journal of the output, kept by the Spawner."""

from __future__ import annotations

import logging
from typing import Final

from circus_core.output.journal import Journal
from circus_core.output.kernel import Relay
from circus_core.spawner import Spawner

logger: Final = logging.getLogger("circus")

_NAMES: Final = ("output", "output-relay")


def open_journal(spawner: Spawner) -> Journal | None:
    """Return the journal that the process before had, or a new one; ``None`` where nothing outlives this process."""
    if not spawner.is_durable:
        return None
    stored = spawner.stored_fds()
    try:
        if all(name in stored for name in _NAMES):
            memory, relay = map(spawner.fetch_fd, _NAMES)
            return Journal(memory, Relay(relay))
        journal = Journal.create()
    except OSError as exc:
        logger.warning("output that is under way when circusd dies will be lost: no room to keep it: %s", exc.strerror)
        return None
    for name, fd in zip(_NAMES, journal.filenos(), strict=True):
        spawner.store_fd(name, fd)
    return journal
