"""Upgrades of a daemon: asked for, under way, come about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from circus_core._views import Upgrade
from circus_core.errors import CommandFailedError, UpgradeError
from circus_core.estate import HANDOVER, Estate, Left, current_command
from circus_core.events import ArbiterUpgraded, ArbiterUpgradeFailed, Event
from circus_core.interfaces import ArbiterHandle
from circus_core.interpreters import next_command
from circus_core.program import Program
from circus_core.services import logger


class Upgrader(Protocol):
    """Puts another arbiter in the place of this one."""

    async def prepare(self, command: Sequence[str], timeout: float) -> None:
        """Start the next arbiter, and return when it has shown that it can take over.

        :raises UpgradeError: it cannot
        """

    async def decline(self, why: str) -> None:
        """Let the next arbiter not take over.

        :raises UpgradeError: it does not
        """

    async def hand_over(self) -> None:
        """Let the next arbiter take over, which everything was let go of for; return when it serves well.

        :raises UpgradeError: it does not, and all is this one's again
        """

    async def settled(self) -> None:
        """Return when this arbiter serves for good: the one before it is told to leave."""


class Host(Protocol):
    """The daemon of this arbiter."""

    @property
    def arbiter(self) -> ArbiterHandle: ...
    async def let_go(self, asked_by: str) -> None:
        """Let go of everything that another arbiter gets; *asked_by* is the id of the message that asked for it."""

    async def take_back(self) -> None:
        """Take it back."""

    def leave(self, failure: Exception | None) -> None:
        """End, since another arbiter has everything, or has to have it because of a *failure*."""

    def publish(self, event: Event) -> None: ...


class Upgrades:
    """Tells each who asked for an upgrade what came of it, in whichever arbiter serves then."""

    def __init__(self, upgrader: Upgrader | None, estate: Estate, host: Host) -> None:
        self._upgrader = upgrader
        self._estate = estate
        self._host = host
        self._task: asyncio.Task[None] | None = None
        self._asked_by: str | None = None  # id of the message that is answered by what came of the last one
        self._outcome: asyncio.Future[Upgrade] | None = None

    async def ask(self, python: str | None, timeout: float) -> Upgrade:
        """Have another arbiter take over; it returns in that one.

        :raises CommandError: it is impossible, or failed
        """
        message = current_command.get() or ""
        if self._outcome is not None and message == self._asked_by:
            return await asyncio.shield(self._outcome)
        if self._upgrader is None:
            raise UpgradeError(
                "only a circusd that has its keeper can be replaced while its processes run, and this one has none; "
                "start circusd without --no-keeper, on Linux 5.3 or later, or use `circusctl restart`"
            )
        if self._task is not None:
            raise UpgradeError("another upgrade is under way; ask again when it is done")
        command = next_command(python)
        self._task = asyncio.get_running_loop().create_task(self._run(self._upgrader, command, timeout, message))
        self._task.add_done_callback(self._ended)
        await asyncio.shield(self._task)
        raise CommandFailedError("another arbiter serves")  # which this one cannot tell anybody

    def resume(self, left: Left) -> None:
        """Tell who asked for the upgrade that *left* tells of what came of it."""
        if left.handover is None:
            return
        self._outcome = asyncio.get_running_loop().create_future()
        self._asked_by = left.handover.asked_by
        if self._task is not None:
            return  # this one tried it, and tells of it when all goes on
        if left.upgrade.count > left.arbiter.upgrade.count and self._upgrader is not None:
            self._task = asyncio.get_running_loop().create_task(self._settle(self._upgrader, left.upgrade))
            self._task.add_done_callback(self._ended)
        else:
            self._fail("the arbiters died, the one before and the one that was to replace it; another one goes on")

    async def close(self) -> None:
        """Give up what is under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, upgrader: Upgrader, command: Sequence[str], timeout: float, message: str) -> None:
        current_command.set(None)
        logger.info("upgrading: %s", " ".join(command))
        try:
            await upgrader.prepare(command, timeout)
            if self._host.arbiter.is_stopping:
                await upgrader.decline("circusd is being stopped or restarted meanwhile")
        except UpgradeError as exc:
            self._failed(str(exc))
            raise
        try:
            await self._host.let_go(message)
            try:
                await upgrader.hand_over()
            except UpgradeError as exc:
                await self._host.take_back()
                self._fail(str(exc))
                return
        except Exception as exc:  # half of it is let go of: another arbiter takes over
            self._host.leave(exc)
        else:
            self._host.leave(None)

    async def _settle(self, upgrader: Upgrader, upgrade: Upgrade) -> None:
        await upgrader.settled()
        self._estate.forget(HANDOVER)
        before = upgrade.previous or Program()
        now = Program()
        logger.info("%s has taken over from %s", now, before)
        self._host.publish(
            ArbiterUpgraded(
                count=upgrade.count,
                version=now.version,
                python=now.python,
                previous_version=before.version,
                previous_python=before.python,
            )
        )
        assert self._outcome is not None
        self._outcome.set_result(upgrade)

    def _fail(self, why: str) -> None:
        """Tell of a failure who asks again."""
        assert self._outcome is not None
        self._outcome.set_exception(UpgradeError(why))
        self._outcome.exception()  # whoever asked may be gone
        self._estate.forget(HANDOVER)
        self._failed(why)

    def _failed(self, why: str) -> None:
        logger.error("upgrade: %s", why.partition("\n")[0])
        self._host.publish(ArbiterUpgradeFailed(reason=why))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is self._task:
            self._task = None
        exc = None if task.cancelled() else task.exception()
        if exc is not None and not isinstance(exc, UpgradeError):
            logger.error("internal error", exc_info=exc)


def one_more(upgrade: Upgrade, before: Program) -> Upgrade:
    """Return what an arbiter that replaces another one, *before*, tells of itself."""
    return replace(upgrade, count=upgrade.count + 1, time=time.time(), previous=before)
