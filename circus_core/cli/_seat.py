"""Where an arbiter sits: alone in circusd's process, or beside the keeper, which is circusd to everybody else."""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

from circus_core.direct import DirectSpawner
from circus_core.keeper.arbiters import VARIABLE
from circus_core.keeper.start import become_keeper
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner
from circus_core.notify import Notifier
from circus_core.pidfile import PidFile
from circus_core.spawner import Spawner

_PIDFILE: Final = "pidfile"
_NOTIFY: Final = "notify"
_ARBITER: Final = "circus-arbiter"  #: its name in lists of processes; circusd is the keeper


class Seat(Protocol):
    """What differs between the two."""

    pid: int  #: circusd's, for people and the pidfile

    @property
    def spawner(self) -> Spawner:
        """Where children come from."""

    def on_signal(self, receive: Callable[[int], object]) -> None:
        """Have *receive* called with the number of each signal that circusd gets."""

    def detach(self) -> None:
        """Let go of the terminal."""

    def ready(self) -> None:
        """Tell that the arbiter serves."""


class AloneSeat:
    """The arbiter is circusd."""

    def __init__(self, spawner: DirectSpawner) -> None:
        self.pid = os.getpid()
        self.spawner = spawner

    def on_signal(self, receive: Callable[[int], object]) -> None:
        """Nobody passes on what comes to us directly."""

    def detach(self) -> None:
        """Nobody else has the terminal."""

    def ready(self) -> None:
        """Nobody waits for it."""


class KeeperSeat:
    """The keeper is circusd, and passes on what comes to it.

    :param pid: the keeper's
    :param heartbeat: seconds after which an arbiter that does not answer is replaced, 0 for never
    """

    def __init__(self, link: KeeperLink, pid: int, *, heartbeat: float) -> None:
        self.pid = pid
        self.spawner: KeeperSpawner = KeeperSpawner(link)
        self._link = link
        self._heartbeat = heartbeat
        name_process(_ARBITER)

    def on_signal(self, receive: Callable[[int], object]) -> None:
        self._link.on("signal", lambda fields, _: receive(fields[0]))

    def detach(self) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        self._link.send(("detach",), [null])
        os.close(null)

    def ready(self) -> None:
        self._link.send(("ready", self._heartbeat))

    def hand_over(self, notifier: Notifier, pidfile: PidFile | None) -> None:
        """Give the keeper what has to stay when this process is gone."""
        sock = notifier.relay(lambda text: self._link.send(("notify", text)), self.pid)
        if sock is not None:
            with sock:
                self.spawner.store_fd(_NOTIFY, sock.fileno())
        if pidfile is not None:
            self.spawner.store_fd(_PIDFILE, pidfile.fileno(), pidfile.path)

    def pidfile(self) -> PidFile | None:
        """Return the pidfile that the arbiter before gave the keeper."""
        stored = self.spawner.stored_fds().get(_PIDFILE)
        return None if stored is None else PidFile(stored[1], self.spawner.fetch_fd(_PIDFILE))


class Successor(KeeperSeat):
    """The seat of an arbiter that takes over from another one.

    :param reason: how that one ended
    """

    def __init__(self, link: KeeperLink, pid: int, *, heartbeat: float, reason: str) -> None:
        super().__init__(link, pid, heartbeat=heartbeat)
        self.reason = reason
        self.spawner.load()


def name_process(name: str) -> None:
    """Show this process under *name* in lists of processes, where that is possible."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(name)
    except OSError:
        pass


def successor(*, heartbeat: float) -> Successor | None:
    """Return the seat that a keeper gives this process, ``None`` when it was started otherwise.

    :raises KeeperError: the keeper does not answer
    """
    number = os.environ.pop(VARIABLE, "")
    if not number.isdecimal():
        return None
    link = KeeperLink(socket.socket(fileno=int(number)), _command())
    facts = link.greet()
    return Successor(link, facts["pid"], heartbeat=heartbeat, reason=facts["reason"])


def can_have_keeper() -> bool:
    """Tell whether this system has what the keeper needs."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return hasattr(os, "memfd_create") and hasattr(select, "poll")


def split(born_nofile: tuple[int, int], *, heartbeat: float) -> KeeperSeat:
    """Turn this process into the keeper, and return in a child of it that is its first arbiter.

    Call it while there is one thread, and after all that both are to have: limits, umask, working directory.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = os.getpid()
    arbiter = os.fork()
    if arbiter:
        ours.close()
        theirs.set_inheritable(True)
        soft, hard = born_nofile
        become_keeper([*map(str, (theirs.fileno(), arbiter, 1, soft, hard)), *sys.argv])
    theirs.close()
    os.setsid()
    link = KeeperLink(ours, _command())
    link.introduce()
    return KeeperSeat(link, keeper, heartbeat=heartbeat)


def _command() -> list[str]:
    """Return the command line that starts an arbiter like this one."""
    return [sys.executable, *sys.orig_argv[1:]]
