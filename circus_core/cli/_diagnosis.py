"""Why a daemon does not answer."""

from __future__ import annotations

import os
import re
import socket
from typing import Final

_PROBE_TIMEOUT: Final = 0.5  #: seconds


def advice(endpoint: str, timeout: float, ssh: str = "") -> str:
    """Return what a person can do when nothing came from *endpoint* in *timeout* seconds, in lines.

    :param ssh: the server that the endpoint is seen from, when it is not this machine
    """
    finding = f"it is the address as seen from {ssh}." if ssh else _finding(endpoint)
    return "\n".join(
        [
            f"No reply from {endpoint} in {timeout:g}s: {finding}",
            "  - Is circusd running? circusd FILE.ini starts it.",
            "  - Is this its endpoint? Compare `endpoint` of its [circus] section with --endpoint, CIRCUSCTL_ENDPOINT.",
            f"  - Is it busy, or does --waiting take long? circusctl --timeout {timeout * 10:g} gives it more time.",
        ]
    )


def _finding(endpoint: str) -> str:
    if endpoint.startswith("ipc://"):
        path = endpoint.removeprefix("ipc://")
        if not os.path.exists(path):
            return f"there is no socket {path}."
        return _try(socket.AF_UNIX, path) if os.access(path, os.W_OK) else f"no permission to write to {path}."
    address = re.fullmatch(r"tcp://\[?(.+?)\]?:(\d+)", endpoint)
    if address is None:
        return "it did not answer."
    return _try(socket.AF_INET6 if ":" in address[1] else socket.AF_INET, (address[1], int(address[2])))


def _try(family: socket.AddressFamily, address: str | tuple[str, int]) -> str:
    with socket.socket(family) as probe:
        probe.settimeout(_PROBE_TIMEOUT)
        try:
            probe.connect(address)
        except (OSError, OverflowError) as exc:
            return f"nobody listens there ({exc})."
    return "somebody listens there, but did not answer."
