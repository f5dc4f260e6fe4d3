"""What a target keeps for the next process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol

from circus_core.interfaces import Chunk, WriteLog

if TYPE_CHECKING:
    from circus_core.output.journal import Journal
    from circus_core.output.ledger import Ledger


class Account(Protocol):
    """Told of all that is under way to one stream."""

    log: WriteLog | None  #: for the stream itself

    def delivering(self, *, is_rendered: bool) -> AbstractContextManager[object]:
        """Enter while lines are delivered from the buffer that pipes are read into."""

    def delivering_oldest(self, *, is_rendered: bool) -> AbstractContextManager[object]:
        """Enter while the oldest chunk that was put is delivered."""

    def put(self, chunk: Chunk) -> None:
        """Keep *chunk*, which has to wait."""

    def took(self) -> None:
        """Drop the oldest chunk that was put."""

    def close(self) -> None:
        """Keep nothing more: the stream is closed."""


class _NoAccount:
    """Nothing outlives this process."""

    log: WriteLog | None = None

    def __init__(self) -> None:
        self._nothing = nullcontext()

    def delivering(self, *, is_rendered: bool) -> AbstractContextManager[object]:
        return self._nothing

    def delivering_oldest(self, *, is_rendered: bool) -> AbstractContextManager[object]:
        return self._nothing

    def put(self, chunk: Chunk) -> None:
        pass

    def took(self) -> None:
        pass

    def close(self) -> None:
        pass


NO_ACCOUNT: Final = _NoAccount()


class LedgerAccount:
    """Keeps it in a ledger, and in the journal what is delivered at once.

    :param release: gives the ledger back
    """

    def __init__(self, ledger: Ledger, journal: Journal, release: Callable[[Ledger], None]) -> None:
        self.log: WriteLog | None = ledger
        self.took = ledger.took
        self.delivering_oldest = ledger.writing_oldest
        self._ledger = ledger
        self._journal = journal
        self._release = release

    def delivering(self, *, is_rendered: bool) -> AbstractContextManager[object]:
        return self._ledger.writing(self._journal.progress(self._ledger), is_rendered=is_rendered)

    def put(self, chunk: Chunk) -> None:
        self._ledger.put(chunk, self._journal.delivery)

    def close(self) -> None:
        self._release(self._ledger)
