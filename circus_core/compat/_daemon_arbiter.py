"""The arbiter of a daemon, as the hooks of its watchers see it."""

from __future__ import annotations

from typing import Any

import zmq

from circus_core.compat._arbiter_face import ArbiterFace
from circus_core.compat._gate import Future, Gate
from circus_core.compat._loops import tornado_loop
from circus_core.interfaces import ArbiterHandle


class DaemonArbiter(ArbiterFace):
    """Runs already, and for as long as the daemon does."""

    def __init__(self, arbiter: ArbiterHandle) -> None:
        gate = Gate()
        gate.open()
        super().__init__(arbiter.config, gate)
        self.arbiter_made(arbiter)

    @property
    def loop(self) -> Any:
        """Tornado's view of the daemon's loop."""
        return self._gate.call(tornado_loop)

    @property
    def context(self) -> zmq.Context[Any]:
        """A ZeroMQ context to use."""
        return zmq.Context.instance()

    def stop(self) -> Future:
        """Stop everything, then end the daemon."""
        return self._change(lambda core: core.quit())
