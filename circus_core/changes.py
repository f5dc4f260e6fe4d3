"""Changes that were accepted, until they took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator, Iterable
from typing import Any

from circus_core.errors import CommandFailedError
from circus_core.interfaces import Outcome
from circus_core.quick_dataclass import dataclass


class PendingChange:
    """An accepted change; awaiting it returns its outcome, or raises why there is none.

    It may be awaited by nobody, by several, and a cancelled wait changes nothing.
    """

    __slots__ = ("_error", "_outcome", "_waiters")

    def __init__(self) -> None:
        self._outcome: Outcome | None = None
        self._error: str | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def resolve(self, outcome: Outcome) -> None:
        """Let it have taken effect."""
        self._outcome = outcome
        self._wake()

    def reject(self, error: str) -> None:
        """Let it have failed, and say why."""
        self._error = error
        self._wake()

    def __await__(self) -> Generator[Any, None, Outcome]:
        while self._outcome is None and self._error is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._error is not None:
            raise CommandFailedError(self._error)
        assert self._outcome is not None
        return self._outcome

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()


def done(outcome: Outcome | None = None) -> PendingChange:
    """Return a change that has taken effect already."""
    change = PendingChange()
    change.resolve(outcome or Outcome())
    return change


@dataclass(slots=True)
class _Entry:
    revision: int
    command: str
    needs_running: bool
    pids: frozenset[int]
    change: PendingChange


class ChangeLog:
    """Which commands changed what a watcher desires, by revision, and who waits for them."""

    def __init__(self) -> None:
        self._revision = 0
        self._last_command = ""
        self._open: list[_Entry] = []

    def add(self, command: str, pids: Iterable[int], *, needs_running: bool) -> PendingChange:
        """Note that *command* changed desired, and return its change.

        :param needs_running: the command has failed when the watcher stops by itself
        """
        self._revision += 1
        self._last_command = command
        entry = _Entry(self._revision, command, needs_running, frozenset(pids), PendingChange())
        self._open.append(entry)
        return entry.change

    @property
    def is_open(self) -> bool:
        """Whether any change has not taken effect yet."""
        return bool(self._open)

    def settle(self, pids: Collection[int], failure: str | None) -> None:
        """Let all open changes have taken effect; *failure* says why the watcher does not run as asked."""
        entries, self._open = self._open, []
        for entry in entries:
            if failure is not None and entry.needs_running and entry.revision == self._revision:
                entry.change.reject(failure)
                continue
            entry.change.resolve(
                Outcome(
                    started=tuple(sorted(set(pids) - entry.pids)),
                    kept=tuple(sorted(entry.pids & set(pids))),
                    stopped=tuple(sorted(entry.pids - set(pids))),
                    superseded_by=None if entry.revision == self._revision else self._last_command,
                )
            )
