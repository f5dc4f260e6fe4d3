"""How the core tells those who show it to programs by other classes, as :mod:`circus_core.compat` does."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from circus_core.interfaces import ArbiterHandle, WatcherHandle

hook_of: Final[ContextVar[WatcherHandle | None]] = ContextVar("hook_of", default=None)
"""The watcher whose own hook is running, in the hook's task or thread."""


class Faces(Protocol):
    """What stands for the arbiter and its watchers where other code meets them; called on the loop."""

    def arbiter_made(self, arbiter: ArbiterHandle) -> None:
        """Take notice of the arbiter that serves from now on; a restart inside the daemon makes another one."""

    def of(self, watcher: WatcherHandle, arbiter: ArbiterHandle) -> tuple[Any, Any]:
        """Return what a watcher's own hooks are given as ``watcher`` and ``arbiter``."""

    def before_reload(self, watcher: WatcherHandle | None) -> None:
        """Called before a watcher, or with ``None`` all of them, is reloaded."""


class Bare:
    """The core shows itself."""

    def arbiter_made(self, arbiter: ArbiterHandle) -> None:
        """Do nothing."""

    def of(self, watcher: WatcherHandle, arbiter: ArbiterHandle) -> tuple[Any, Any]:
        """Return them as they are."""
        return watcher, arbiter

    def before_reload(self, watcher: WatcherHandle | None) -> None:
        """Do nothing."""
