"""Connections through an ssh tunnel; imported only by who asks for one."""

from __future__ import annotations

from typing import Any

import zmq
from zmq.ssh import tunnel

from circus_core.errors import CallError


def connect(socket: zmq.Socket[Any], endpoint: str, server: str, keyfile: str | None = None) -> None:
    """Connect *socket* to *endpoint*, as seen from *server* (``user@host[:port]``).

    The tunnel is an ``ssh`` process of its own, which ends a minute after its last connection.

    :raises CallError: the tunnel could not be made
    """
    if not endpoint.startswith("tcp://"):
        raise CallError(f"endpoint {endpoint!r}: ssh tunnels only tcp://HOST:PORT, as seen from {server}")
    try:
        url, _ = tunnel.open_tunnel(endpoint, server, keyfile=keyfile)
    except ImportError as exc:
        raise CallError(f"--ssh {server}: the tunnel needs the package pexpect ({exc}); pip install pexpect") from exc
    # zmq.ssh raises what comes: RuntimeError, its own Exception subclasses, those of pexpect.
    except Exception as exc:
        raise CallError(f"--ssh {server}: no tunnel to {endpoint}: {exc}; does `ssh {server}` log in?") from exc
    socket.connect(url)
