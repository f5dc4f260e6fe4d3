"""Gives several watchers their turns, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from circus_core.changes import PendingChange
from circus_core.errors import CommandFailedError
from circus_core.interfaces import Outcome
from circus_core.records import ReloadRecord
from circus_core.watcher import Watcher


class Turns:
    """The starts and reloads that are under way.

    :param is_known: tells whether a watcher is still one of the arbiter's
    :param note: has what is under way stored for the next arbiter
    """

    def __init__(self, is_known: Callable[[Watcher], bool], note: Callable[[], None]) -> None:
        self._is_known = is_known
        self._note = note
        self._reloads: list[ReloadRecord] = []

    @property
    def reloads(self) -> tuple[ReloadRecord, ...]:
        """What is left to do of each reload."""
        return tuple(self._reloads)

    async def give(self, watchers: Sequence[Watcher], delay: float) -> None:
        """Release each of *watchers* when the one before it has started or is held up, and *delay* seconds passed."""
        for index, watcher in enumerate(watchers):
            if delay and index:
                await asyncio.sleep(delay)
            watcher.release()
            await watcher.turn_over()

    async def reload(self, watchers: Sequence[Watcher], *, graceful: bool, sequential: bool) -> None:
        """Reload each of *watchers* when the one before it is done."""
        left = ReloadRecord(left=tuple(w.key for w in watchers), graceful=graceful, sequential=sequential)
        self._reloads.append(left)
        try:
            for watcher in watchers:
                at = self._reloads.index(left)
                # Noted with the reload of this watcher, as one: the next arbiter goes on with those behind it.
                left = self._reloads[at] = replace(left, left=left.left[1:])
                self._note()
                if self._is_known(watcher):
                    await watcher.reload(graceful=graceful, sequential=sequential)
        finally:
            self._reloads.remove(left)
            self._note()


async def finish(work: Awaitable[object], change: PendingChange) -> None:
    """Await *work*, and let *change* come to the same end."""
    try:
        outcome = await work
    except CommandFailedError as exc:
        change.reject(str(exc))
    else:
        change.resolve(outcome if isinstance(outcome, Outcome) else Outcome())


async def all_of(changes: Iterable[PendingChange]) -> None:
    """Wait for all of *changes*.

    :raises CommandFailedError: some failed
    """
    errors = await asyncio.gather(*changes, return_exceptions=True)
    failed = [str(error) for error in errors if isinstance(error, CommandFailedError)]
    if failed:
        raise CommandFailedError("; ".join(failed))
