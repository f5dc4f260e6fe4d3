"""Ports of the loopback that nobody uses right now."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress

# Below those that the kernel gives to whoever connects: none is taken by a connection before the test binds it.
_RANGE = range(20_000, 32_000)
_random = random.SystemRandom()  # or the workers of one run, seeded alike, would take the same


def free_ports(count: int) -> list[int]:
    """Return numbers of ports in a row."""
    while True:
        base = _random.choice(_RANGE)
        with suppress(OSError), ExitStack() as probes:
            for port in range(base, base + count):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probes.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
            return list(range(base, base + count))
