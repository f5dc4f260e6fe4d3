"""``SysHandler``: signals of the program to an arbiter that it runs."""

from __future__ import annotations

import signal
from typing import Any, ClassVar, Final

from circus_core._signals import SignalHandler

SIGNALS: Final = (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)


class SysHandler:
    """Has SIGTERM, SIGINT and SIGQUIT stop the arbiter, SIGHUP reload it, SIGWINCH do nothing; main thread only.

    :param controller: has the arbiter and its loop
    """

    SIGNALS: ClassVar = SIGNALS

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        loop = getattr(controller.loop, "asyncio_loop", controller.loop)
        does = {signal.SIGHUP: self.reload, signal.SIGWINCH: self.ignore}
        self._handler = SignalHandler(loop, {signum: does.get(signum, self.quit) for signum in SIGNALS})
        self._handler.ready()

    def stop(self) -> None:
        """Give the signals back to who had them before."""
        self._handler.close()

    def quit(self) -> None:
        """Stop the arbiter."""
        self.controller.arbiter.stop()

    def reload(self) -> None:
        """Reload all watchers."""
        self.controller.arbiter.reload()

    def ignore(self) -> None:
        """Do nothing."""
