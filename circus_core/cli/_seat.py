"""Where an arbiter sits: alone in circusd's process, or beside the keeper, which is circusd to everybody else."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

from circus_core import log
from circus_core._descriptors import raise_nofile_limit
from circus_core._upgrades import Upgrader
from circus_core.cli._next_keeper import NextKeeper
from circus_core.cli._split import Keeper
from circus_core.keeper.arbiters import Role
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner
from circus_core.notify import Notifier
from circus_core.pidfile import PidFile, write_pid
from circus_core.spawner import Spawner
from circus_core.upgrading import KeeperUpgrader, restore_stderr

_PIDFILE: Final = "pidfile"
_NOTIFY: Final = "notify"
_LOG: Final = "log"
_UNTIL_KILLED: Final = 3600.0  #: seconds; the keeper is who loses patience
_ARBITER: Final = "circus-arbiter"  #: its name in lists of processes; circusd is the keeper


class Seat(Protocol):
    """What differs between the two."""

    pid: int  #: circusd's, for people and the pidfile

    upgrader: Upgrader | None  #: puts another arbiter in the place of this one, where that is possible

    @property
    def spawner(self) -> Spawner:
        """Where children come from."""

    def on_signal(self, receive: Callable[[int], object]) -> None:
        """Have *receive* called with the number of each signal that circusd gets."""

    def detach(self) -> None:
        """Let go of the terminal."""

    def on_moved(self, receive: Callable[[int], object]) -> None:
        """Have *receive* called with its pid when another process becomes circusd to everybody else."""

    def keep_log(self) -> None:
        """Tell that log files were opened."""

    def ready(self, heartbeat: float) -> None:
        """Tell that the arbiter serves.

        :param heartbeat: seconds after which one that does not answer is replaced, 0 for never
        """


class AloneSeat:
    """The arbiter is circusd.

    :param born_nofile: limits of descriptors, soft and hard, that children get
    :param check_delay: seconds between two looks for ends that the kernel does not tell
    """

    upgrader: Upgrader | None = None

    def __init__(self, born_nofile: tuple[int, int], *, check_delay: float) -> None:
        from circus_core.direct import DirectSpawner  # noqa: PLC0415  # with a keeper nobody needs it

        self.pid = os.getpid()
        self.spawner: Spawner = DirectSpawner(
            closes_fds=False,
            born_nofile=born_nofile,
            reaps_strangers=self.pid == 1,
            check_delay=check_delay,
        )

    def on_signal(self, receive: Callable[[int], object]) -> None:
        """Nobody passes on what comes to us directly."""

    def detach(self) -> None:
        """Nobody else has the terminal."""

    def on_moved(self, receive: Callable[[int], object]) -> None:
        """We are circusd for good."""

    def keep_log(self) -> None:
        """Nobody else logs."""

    def ready(self, heartbeat: float) -> None:
        """Nobody waits for it."""


class KeeperSeat:
    """The keeper is circusd, and passes on what comes to it.

    :param born_nofile: limits of descriptors, soft and hard, that children get
    """

    def __init__(self, link: KeeperLink, born_nofile: tuple[int, int]) -> None:
        self.pid = link.pid
        self.spawner: KeeperSpawner = KeeperSpawner(link)
        self._upgrader = KeeperUpgrader(link, self.spawner)
        self.upgrader: Upgrader | None = self._upgrader
        self._link = link
        self._heartbeat: float | None = None
        self._notifier: Notifier | None = None
        self._on_moved: Callable[[int], object] = lambda pid: None
        self._next = NextKeeper(link, self.spawner, born_nofile, self._moved, self._upgrader.keeper_died)
        link.ends_with_process = True
        name_process(_ARBITER)

    def on_signal(self, receive: Callable[[int], object]) -> None:
        self._link.on("signal", lambda fields, _: receive(fields[0]))

    def detach(self) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        self._link.send(("detach",), [null])
        os.close(null)

    def on_moved(self, receive: Callable[[int], object]) -> None:
        self._on_moved = receive

    def ready(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._link.send(("ready", heartbeat))

    def hand_over(self, notifier: Notifier, pidfile: PidFile | None) -> None:
        """Give the keeper what has to stay when this process is gone."""
        self._notifier = notifier
        self.keep_log()
        sock = notifier.relay(lambda text: self._link.send(("notify", text)), self.pid)
        if sock is not None:
            with sock:
                self.spawner.store_fd(_NOTIFY, sock.fileno())
        if pidfile is not None:
            self.spawner.store_fd(_PIDFILE, pidfile.fileno(), pidfile.path)

    def keep_log(self) -> None:
        """Have the keeper log to the file that we log to; without one it uses standard error."""
        fd = log.file_descriptor()
        if fd is None:
            self.spawner.drop_fd(_LOG)
        else:
            self.spawner.store_fd(_LOG, fd)

    def _moved(self, pid: int) -> None:
        """Take another keeper for circusd from now on."""
        self.pid = pid
        log.show_pid(pid)
        if _PIDFILE in self.spawner.stored_fds():
            fd = self.spawner.fetch_fd(_PIDFILE)
            try:
                write_pid(fd, pid)
            finally:
                os.close(fd)
        if self._notifier is not None:
            self._notifier.moved(pid)
        if self._heartbeat is not None:
            self._link.send(("ready", self._heartbeat))
        self._upgrader.keeper_replaced()
        self._on_moved(pid)

    def pidfile(self) -> PidFile | None:
        """Return the pidfile that the arbiter before gave the keeper."""
        stored = self.spawner.stored_fds().get(_PIDFILE)
        if stored is None:
            return None
        fd = self.spawner.fetch_fd(_PIDFILE)
        write_pid(fd, self.pid)  # that one may have died between a change of keepers and telling of it
        return PidFile(stored[1], fd)


class Successor(KeeperSeat):
    """The seat of an arbiter that takes over from another one.

    :param reason: how that one died, ``None`` when it lives until this one has shown that it can
    """

    def __init__(self, link: KeeperLink, born_nofile: tuple[int, int], *, reason: str | None) -> None:
        super().__init__(link, born_nofile)
        self.reason = reason
        self.spawner.load()

    def refuse(self, why: str) -> None:
        """Tell that this arbiter cannot take over."""
        self._link.send(("failed", why))

    def await_turn(self) -> None:
        """Tell that this arbiter can take over, and return when all is its own.

        :raises KeeperError: the keeper is gone
        """
        self._link.send(("proven",))
        self._link.expect("go", _UNTIL_KILLED)
        self.spawner.load()

    def ready(self, heartbeat: float) -> None:
        if self.reason is None:
            restore_stderr(self.spawner)
        super().ready(heartbeat)


def name_process(name: str) -> None:
    """Show this process under *name* in lists of processes, where that is possible."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(name)
    except OSError:
        pass


def successor(channel: int) -> Successor:
    """Return the seat of an arbiter that a keeper started, and talks to by the descriptor *channel*.

    :raises KeeperError: the keeper does not answer
    """
    link = KeeperLink(socket.socket(fileno=channel), _command())
    facts = link.greet()
    reason = None if facts["role"] == Role.BESIDE else facts["reason"]
    return Successor(link, raise_nofile_limit(), reason=reason)


def beside(keeper: Keeper, born_nofile: tuple[int, int]) -> KeeperSeat:
    """Return the seat of the first arbiter."""
    link = KeeperLink(keeper.sock, _command(), keeper.pid)
    link.introduce()
    return KeeperSeat(link, born_nofile)


def _command() -> list[str]:
    """Return the command line that starts an arbiter like this one."""
    return [sys.executable, *sys.orig_argv[1:]]
