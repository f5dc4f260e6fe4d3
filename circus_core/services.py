"""What a watcher is given to work with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from circus_core.faces import Bare, Faces
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import Exited, Spawner
from circus_core.states import ChildId

if TYPE_CHECKING:
    from circus_core.estate import Estate
    from circus_core.events import Event
    from circus_core.hooks import Hooks
    from circus_core.output import Pump
    from circus_core.registry import Registry
    from circus_core.sockets import SocketSet

logger = logging.getLogger("circus")


class Children:
    """Hands the end of each child to whoever asked for it.

    An end may be told before the answer to its spawn has come: it is kept until the child is claimed.
    """

    def __init__(self) -> None:
        self._owners: dict[ChildId, Callable[[Exited], None]] = {}
        self._early: dict[ChildId, Exited] = {}

    def claim(self, child: ChildId, on_exit: Callable[[Exited], None]) -> None:
        """Have *on_exit* called when the child ended; soon when it has, so that it counts as started first."""
        exited = self._early.pop(child, None)
        if exited is not None:
            asyncio.get_running_loop().call_soon(on_exit, exited)
        else:
            self._owners[child] = on_exit

    def told(self, exits: Sequence[Exited]) -> None:
        """Take what the Spawner tells."""
        for exited in exits:
            owner = self._owners.pop(exited.child, None)
            if owner is None:
                self._early[exited.child] = exited
            else:
                owner(exited)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The daemon's parts that every watcher shares.

    :param estate: keeps what the next arbiter needs
    :param check_delay: seconds; the longest delay between two tries to fill a slot
    :param clock: reads like ``time.monotonic``
    """

    spawner: Spawner
    estate: Estate
    pump: Pump
    registry: Registry
    hooks: Hooks
    sockets: SocketSet
    publish: Callable[[Event], None]
    check_delay: float
    faces: Faces = field(default_factory=Bare)
    children: Children = field(default_factory=Children)
    clock: Callable[[], float] = time.monotonic
