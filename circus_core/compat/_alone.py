"""What a watcher needs that runs without an arbiter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circus_core.compat._events import send
from circus_core.compat._gate import Gate
from circus_core.direct import DirectSpawner
from circus_core.estate import Estate
from circus_core.events import Event
from circus_core.faces import Bare
from circus_core.hooks import Hooks
from circus_core.interfaces import Outcome
from circus_core.keywords import socket_config
from circus_core.output import Pump
from circus_core.pacing import LONGEST_DELAY
from circus_core.registry import Registry
from circus_core.services import Children, Services
from circus_core.sockets import ManagedSocket, SocketSet
from circus_core.threads import in_thread
from circus_core.watcher import Watcher as CoreWatcher

if TYPE_CHECKING:
    from circus_core.compat.watcher import Watcher


class Alone(Bare):
    """Runs one watcher on the running loop, from its start to its stop."""

    def __init__(self, face: Watcher) -> None:
        self._face = face
        self._registry = Registry()
        self._running: tuple[CoreWatcher, SocketSet, DirectSpawner, Pump] | None = None

    def of(self, watcher: Any, arbiter: Any) -> tuple[Any, Any]:
        """Return the watcher's face and the arbiter that the program gave it."""
        return self._face, self._face.arbiter

    def before_reload(self, watcher: Any) -> None:
        """Call the watcher's ``prereload_fn``."""
        if self._face.prereload_fn is not None:
            self._face.prereload_fn(self._face)

    async def start(self) -> Outcome:
        """Start the watcher and return what came of it."""
        config = self._face._config
        children, pump = Children(), Pump()
        spawner = DirectSpawner(closes_fds=True)
        await spawner.open(children.told)
        pump.start()
        sockets = SocketSet(spawner)
        sockets.adopt(ManagedSocket(socket_config(name, {}), bound=sock) for name, sock in self._face.sockets.items())
        services = Services(
            spawner=spawner,
            estate=Estate(spawner),
            pump=pump,
            registry=self._registry,
            hooks=Hooks(self._registry),
            sockets=sockets,
            publish=self._publish,
            check_delay=LONGEST_DELAY,
            children=children,
            faces=self,
        )
        gate = Gate()
        gate.open()
        core = CoreWatcher(config, services, self._face.arbiter, on_waiting=lambda: None)
        self._running = core, sockets, spawner, pump
        self._face._bind(core, gate)
        return await core.start()

    async def stop(self) -> Outcome:
        """Stop the watcher and let go of everything."""
        assert self._running is not None
        core, sockets, spawner, pump = self._running
        outcome = await core.stop()
        self._running = None
        self._face._unbind()
        await core.close()
        sockets.close()
        await spawner.close()
        await in_thread(pump.stop)
        return outcome

    def _publish(self, event: Event) -> None:
        if self._face.evpub_socket is not None:
            send(self._face.evpub_socket, event)
