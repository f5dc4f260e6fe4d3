"""The arbiter's half of an upgrade: the one that is replaced, the one that replaces it."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from circus_core.errors import UpgradeError
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner

STDERR: Final = "stderr"  #: name of the stored descriptor that the next arbiter writes to once it serves
_SERVES: Final = b"\0\n"  #: the last thing that the next arbiter writes to the pipe
_LINES: Final = 12  #: of what the next one wrote last, in the error


class KeeperUpgrader:
    """Puts another arbiter in the place of this one, with the keeper's help.

    :param link: to the keeper
    :param spawner: which the next one gets
    """

    def __init__(self, link: KeeperLink, spawner: KeeperSpawner) -> None:
        self._link = link
        self._spawner = spawner
        self._answers: asyncio.Queue[str] = asyncio.Queue()  # why this one has to go on, "" when it has not
        self._said = _Tail()
        self._settled = asyncio.Event()
        self._has_handed_over = False
        link.on("handover", lambda _, __: self._answers.put_nowait(""))
        link.on("leave", lambda _, __: self._answers.put_nowait(""))
        link.on("stay", lambda fields, _: self._answers.put_nowait(fields[0]))
        link.on("settled", lambda _, __: self._settled.set())

    async def keeper_died(self) -> bool:
        """Return whether this arbiter is the one to start another keeper: no other one serves."""
        if not self._has_handed_over:
            return True
        await self._said.ended()
        if self._said.serves:
            self._answers.put_nowait("")
        return not self._said.serves

    def keeper_replaced(self) -> None:
        """Take it that the keeper of before will say nothing more."""
        self._settled.set()
        self._answers.put_nowait("the keeper died")

    async def prepare(self, command: Sequence[str], timeout: float) -> None:
        """Start the next arbiter, and return when it has shown that it can take over.

        :raises UpgradeError: it cannot
        """
        self._answers = asyncio.Queue()
        self._spawner.store_fd(STDERR, 2)
        reader, writer = os.pipe()
        self._said = _Tail(reader)
        self._link.send(("upgrade", list(command), float(timeout)), [writer])
        os.close(writer)
        await self._next_answer()

    async def decline(self, why: str) -> None:
        """Let the next arbiter not take over.

        :raises UpgradeError: it does not
        """
        self._link.send(("failed", why))
        await self._next_answer()

    async def hand_over(self) -> None:
        """Let the next arbiter take over, which everything was let go of for; return when it serves well.

        :raises UpgradeError: it does not; all is this one's again
        """
        self._spawner.suspend()
        self._link.send(("handover",))
        self._has_handed_over = True
        try:
            await self._next_answer()
        except UpgradeError:
            self._has_handed_over = False
            self._spawner.load()
            raise
        self._said.close()

    async def settled(self) -> None:
        """Return when this arbiter serves for good: the one before it is told to leave."""
        await self._settled.wait()

    async def _next_answer(self) -> None:
        why = await self._answers.get()
        if why:
            said = await self._said.end()
            raise UpgradeError("\n".join([f"the next arbiter failed: {why}; this one goes on", *said]))


class _Tail:
    """Passes on what comes out of a pipe to standard error, and keeps its last lines.

    :param fd: ours from now on
    """

    def __init__(self, fd: int = -1) -> None:
        self._fd = fd
        self._lines: deque[bytes] = deque(maxlen=_LINES)
        self._rest = b""
        self.serves = False  #: the writer said so last
        self._ended = asyncio.Event()
        if fd >= 0:
            os.set_blocking(fd, False)
            asyncio.get_running_loop().add_reader(fd, self._read)

    async def ended(self) -> None:
        """Return when the writer is gone, or writes elsewhere."""
        await self._ended.wait()

    async def end(self) -> list[str]:
        """Return the last lines, once the writer is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._ended.wait()
        self.close()
        return [line.decode(errors="replace") for line in [*self._lines, self._rest] if line]

    def close(self) -> None:
        """Let go of the pipe. May be called twice."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        if not data:
            self.close()
            self._ended.set()
            return
        self.serves = data.endswith(_SERVES)
        with suppress(OSError):
            os.write(2, data.removesuffix(_SERVES))
        *lines, self._rest = (self._rest + data)[-65536:].split(b"\n")
        self._lines.extend(lines)


def restore_stderr(spawner: KeeperSpawner) -> None:
    """Write to the standard error of the arbiter before from now on; what came before it is told of."""
    if STDERR in spawner.stored_fds():
        fd = spawner.fetch_fd(STDERR)
        os.write(2, _SERVES)
        os.dup2(fd, 2)
        os.close(fd)
        spawner.drop_fd(STDERR)
