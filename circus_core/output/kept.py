"""The journal of the output, kept by the Spawner."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import Final

from circus_core.errors import StateError
from circus_core.output.journal import Journal
from circus_core.output.kernel import Relay
from circus_core.output.rings import Rings
from circus_core.spawner import Spawner

logger: Final = logging.getLogger("circus")

_NAMES: Final = ("output", "output-relay")
_RINGS: Final = "rings"
LAYOUT: Final = "1"
"""Raised when a version before this one could misread a journal of this one, or the other way round."""


def open_journal(spawner: Spawner) -> Journal | None:
    """Return the journal that the process before had, or a new one; ``None`` where nothing outlives this process."""
    if not spawner.is_durable:
        return None
    stored = spawner.stored_fds()
    try:
        if all(name in stored for name in _NAMES):
            check_journal(spawner)
            memory, relay = map(spawner.fetch_fd, _NAMES)
            return Journal(memory, Relay(relay))
    except (StateError, OSError) as exc:
        logger.error("what was read and not yet written is lost: %s", exc)
    try:
        journal = Journal.create()
    except OSError as exc:
        logger.warning("output that is under way when circusd dies will be lost: no room to keep it: %s", exc.strerror)
        return None
    for name, fd in zip(_NAMES, journal.filenos(), strict=True):
        spawner.store_fd(name, fd, LAYOUT)
    return journal


def keep_rings(spawner: Spawner, rings: Rings | None) -> None:
    """Store what *rings* have for the next process; ``None`` stores nothing."""
    if rings is None:
        spawner.drop_fd(_RINGS)
        return
    memory = os.memfd_create("circus-rings", os.MFD_CLOEXEC)
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(rings.dump())
        spawner.store_fd(_RINGS, memory, LAYOUT)
    finally:
        os.close(memory)


def take_rings(spawner: Spawner) -> Rings:
    """Return rings with what the process before stored, if it stored anything."""
    rings = Rings()
    number, layout = spawner.stored_fds().get(_RINGS, (0, ""))
    if number and layout == LAYOUT:
        with open(spawner.fetch_fd(_RINGS), "rb") as file, suppress(ValueError):
            file.seek(0)
            rings.restore(file.read())
    if number:
        spawner.drop_fd(_RINGS)
    return rings


def check_journal(spawner: Spawner) -> None:
    """Check that a journal which the process before had can be used.

    :raises StateError: another version made it
    """
    for name in _NAMES:
        _, layout = spawner.stored_fds().get(name, (0, LAYOUT))
        if layout != LAYOUT:
            raise StateError(f"output of layout {layout}; this circus reads layout {LAYOUT}")
