"""Another keeper in the place of one that died, started by the arbiter."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from circus_core.errors import KeeperError
from circus_core.keeper import start
from circus_core.keeper.signals import PASSED_ON
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner
from circus_core.services import logger

_PATIENCE: Final = 20.0  #: seconds that a keeper may need to come up
_FIRST_DELAY: Final = 0.1  #: seconds before the second try in a row
_LONGEST_DELAY: Final = 30.0
_CHANNEL: Final = 3  #: its descriptor number in the keeper
_NO_DEFAULT: Final = {signal.SIGKILL, signal.SIGSTOP}


class NextKeeper:
    """Watches over the keeper, and starts another one at once when it dies. Nothing that runs notices.

    :param born_nofile: limits of descriptors, soft and hard, that children get
    :param on_moved: told of the pid of another keeper, once that has taken over
    :param is_ours: tells whether that is for this arbiter to do: no other one has taken over
    """

    def __init__(
        self,
        link: KeeperLink,
        spawner: KeeperSpawner,
        born_nofile: tuple[int, int],
        on_moved: Callable[[int], object],
        is_ours: Callable[[], Awaitable[bool]],
    ) -> None:
        self._link = link
        self._spawner = spawner
        self._born = born_nofile
        self._on_moved = on_moved
        self._is_ours = is_ours
        self._task: asyncio.Task[None] | None = None
        link.on_lost = self._lost

    def _lost(self) -> None:
        self._spawner.is_alone()
        if self._task is None:
            logger.error("the keeper (pid %d) died; the processes run on, another one is started", self._link.pid)
            self._task = asyncio.get_running_loop().create_task(self._replace())

    async def _replace(self) -> None:
        if not await self._is_ours():
            return
        self._link.go_on()
        delay = _FIRST_DELAY
        while (why := await self._try()) is not None:
            logger.critical("no keeper takes over: %s; the processes run on, next try in %g s", why, delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)
        self._task = None
        self._on_moved(self._link.pid)
        await asyncio.sleep(0)  # what was noted of it is stored
        logger.warning("the keeper has pid %d from now on", self._link.pid)

    async def _try(self) -> str | None:
        """Start a keeper and give it everything; return why that failed, ``None`` when it did not."""
        try:
            await self._link.open_again(await _start(self._born), _PATIENCE)
        except (OSError, KeeperError) as exc:
            return str(exc)
        await self._spawner.move()
        return "it ended, too" if self._link.is_lost else None


async def _start(born_nofile: tuple[int, int]) -> socket.socket:
    """Start a keeper that nobody here is the parent of, and return the connection with it.

    :raises OSError: that is impossible
    :raises KeeperError: it did not get far
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    numbers = (_CHANNEL, os.getpid(), 0, *born_nofile)
    command = start.command([*map(str, numbers), *sys.argv])
    try:
        with theirs:
            pid = _run(command, theirs.fileno())
        code = await _end_of(pid)
        if code != 0:
            raise KeeperError(f"{command[0]!r} ended with {code}")
    except BaseException:
        ours.close()
        raise
    return ours


def _run(command: list[str], channel: int) -> int:
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, channel, _CHANNEL)],
        setsid=True,
        setsigmask=PASSED_ON,  # which it takes once it can
        setsigdef=signal.valid_signals() - _NO_DEFAULT,
    )


async def _end_of(pid: int) -> int:
    """Wait for a child of this process, and return its exit code."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(pid)
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, os.WNOHANG)[1])  # noqa: ASYNC222  it has ended
