"""Tells systemd, or whoever set ``NOTIFY_SOCKET``, how circusd is. See sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Final

_VARIABLE: Final = "NOTIFY_SOCKET"
_OTHERS: Final = ("WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Notifier:
    """Sends states to the service manager, if there is one. No call raises or blocks.

    Takes what service managers tell a daemon out of *environ*: it is meant for circusd, not for its children.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        path = environ.pop(_VARIABLE, "")
        for name in _OTHERS:
            environ.pop(name, None)
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._pid = os.getpid()
        self._relay: Callable[[str], object] | None = None

    def relay(self, send: Callable[[str], object], pid: int) -> socket.socket | None:
        """Have another process tell everything: service managers listen to the main process only.

        :param send: hands it what to write to the socket
        :param pid: its pid
        :returns: the socket, connected, the caller's to close; ``None`` when there is no service manager
        """
        self._relay, self._pid = send, pid
        if not self._address:
            return None
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.connect(self._address)
        except OSError:
            sock.close()
            return None
        return sock

    def ready(self) -> None:
        """Tell that circusd is up, and by which pid."""
        self._send("READY=1", f"MAINPID={self._pid}")

    def moved(self, pid: int) -> None:
        """Tell that circusd has another pid from now on."""
        self._pid = pid
        self._send(f"MAINPID={pid}")

    def reloading(self) -> None:
        """Tell that the configuration is read anew; :meth:`ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Tell that circusd is about to end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Tell one line for people."""
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, *lines: str) -> None:
        if self._relay is not None:
            self._relay("\n".join(lines))
        if self._relay is not None or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError:  # nobody to tell it to
            pass
