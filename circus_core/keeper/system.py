"""The C halves of :mod:`signal` and :mod:`socket`: the keeper uses nothing of the rest, which takes 10 ms to load."""

from __future__ import annotations

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    import signal
    import socket
else:
    import _signal as signal
    import _socket as socket

__all__ = ["signal", "signal_name", "socket"]


def signal_name(number: int) -> str:
    """Return the name of a signal, such as ``SIGTERM``."""
    names = (name for name in dir(signal) if name.startswith("SIG") and not name.startswith("SIG_"))
    return next((name for name in names if getattr(signal, name) == number), f"signal {number}")
