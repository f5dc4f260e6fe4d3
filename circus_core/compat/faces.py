"""What the hooks of a daemon's watchers are given: faces with all that the documented classes offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circus_core.faces import Bare
from circus_core.interfaces import ArbiterHandle, WatcherHandle

if TYPE_CHECKING:
    from circus_core.compat._daemon_arbiter import DaemonArbiter


class DaemonFaces(Bare):
    """Makes the faces when the first hook is called: most daemons have none, and start without them."""

    def __init__(self) -> None:
        self._face: DaemonArbiter | None = None

    def arbiter_made(self, arbiter: ArbiterHandle) -> None:
        if self._face is not None:
            self._face.arbiter_made(arbiter)

    def of(self, watcher: WatcherHandle, arbiter: ArbiterHandle) -> tuple[Any, Any]:
        if self._face is None:
            from circus_core.compat._daemon_arbiter import DaemonArbiter  # noqa: PLC0415 - see above

            self._face = DaemonArbiter(arbiter)
        return self._face.of(watcher, arbiter)

    def before_reload(self, watcher: WatcherHandle | None) -> None:
        if self._face is not None:
            self._face.before_reload(watcher)
