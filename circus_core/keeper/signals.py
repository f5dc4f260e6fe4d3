"""The signals that circusd gets and the keeper passes on. While a keeper starts they wait: its death means nothing."""

from __future__ import annotations

from circus_core.keeper.system import signal

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final

PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)


def hold() -> None:
    """Let them wait, also when this process executes another program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)


def release() -> None:
    """Take those that wait, and each one from now on as it comes."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
