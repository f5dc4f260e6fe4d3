"""The journal of the output, kept by the Spawner."""

from __future__ import annotations

import logging
from typing import Final

from circus_core.output.journal import Journal
from circus_core.spawner import Spawner

logger: Final = logging.getLogger("circus")

_NAME: Final = "output"


def open_journal(spawner: Spawner) -> Journal | None:
    """Return the journal that the process before had, or a new one; ``None`` where nothing outlives this process."""
    if not spawner.is_durable:
        return None
    try:
        if _NAME in spawner.stored_fds():
            return Journal(spawner.fetch_fd(_NAME))
        journal = Journal.create()
    except OSError as exc:
        logger.warning("output that is under way when circusd dies will be lost: no memory for it: %s", exc.strerror)
        return None
    spawner.store_fd(_NAME, journal.fileno())
    return journal
