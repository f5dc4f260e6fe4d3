"""The Spawner whose children are the keeper's: they outlive the process that asks for them."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from circus_core import _orphans
from circus_core._descriptors import STORED_FROM, duplicate, is_in_reserve
from circus_core._keeper_messages import explain
from circus_core._keeper_starts import Start, Starts
from circus_core._lent_pipes import LentPipe, lent_pipes
from circus_core.errors import LifecycleError
from circus_core.keeper import exitcodes
from circus_core.keeper.wire import close_all
from circus_core.keeper_link import KeeperLink
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import ChildRecord, Exited, Spawned, SpawnFailure, SpawnRequest
from circus_core.states import ChildId

_SLICE: Final = 20  #: children that are given to another keeper in one turn of the loop


@dataclass(slots=True)
class _Child:
    """What the keeper knows of a child, and who was told what.

    :param pipes: 1 or 2 to its pipe
    """

    spawned: Spawned
    label: str
    pidfd: int
    pipes: dict[int, LentPipe]
    exited: Exited | None = None
    is_answered: bool = False  #: the caller of its spawn knows it
    is_told: bool = False  #: its end
    is_watched: bool = False  #: by us, for there is no keeper


class KeeperSpawner:
    """Asks the keeper for everything, and has a copy of all that the keeper holds.

    :param link: the connection, greeted
    """

    is_durable = True

    def __init__(self, link: KeeperLink) -> None:
        self._link = link
        self._children: dict[ChildId, _Child] = {}
        self._stored: dict[str, tuple[int, str, int]] = {}  # name to number in children, metadata, our descriptor
        self._state: dict[str, bytes] = {}
        self._serial = 0
        self._last = 0
        self._starts = Starts(link, lambda: self._is_home)
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._is_open = False
        self._is_home = False  # the keeper has all that we have
        self._alone_at = 0.0  # seconds after boot
        for operation, handler in (
            ("spawned", self._on_spawned),
            ("failed", self._on_failed),
            ("exits", self._on_exits_told),
            ("synced", self._on_synced),
        ):
            link.on(operation, handler)

    def load(self) -> None:
        """Take over what the keeper holds, in the place of what we had; without a loop."""
        self._let_go()
        self._link.go_on()
        holding = self._link.load()
        self._state = holding.states
        self._stored = holding.descriptors
        for record, pidfd, pipes in holding.children:
            child = ChildId(record["child"])
            spawned = Spawned(child, record["pid"], record["started"], pipes.get(1), pipes.get(2))
            known = self._children[child] = _Child(spawned, record["label"], pidfd, lent_pipes(pipes), is_answered=True)
            self._last = max(self._last, child)
            if record["has_exited"]:
                known.exited = Exited(child, spawned.pid, record["exit_code"])

    async def open(self, on_exits: Callable[[Sequence[Exited]], None]) -> None:
        self._on_exits = on_exits
        self._link.open()
        self._is_open = self._is_home = True
        self._link.send(("attach", self._last))

    def suspend(self) -> None:
        """Let another arbiter have the children, until :meth:`load` and :meth:`open`; closing ends nothing then."""
        self._is_open = False
        self._link.pause()

    async def close(self) -> None:
        if self._is_open:
            self._is_open = self._is_home = False
            self._link.send(("end",))
        self._link.close()
        self._let_go()

    async def spawn(self, requests: Sequence[SpawnRequest]) -> list[Spawned | SpawnFailure]:
        self._check_open()
        answers = await self._starts.spawn(requests, self._stored)
        self._release(answers)
        return answers

    def signal(self, child: ChildId, signum: int) -> bool:
        self._check_open()
        known = self._children.get(child)
        if known is None or known.pidfd < 0:
            return False
        try:
            signal.pidfd_send_signal(known.pidfd, signum)
        except ProcessLookupError:
            return False
        return True

    def acknowledge(self, child: ChildId) -> None:
        known = self._children.get(child)
        if known is not None and known.exited is not None:
            del self._children[child]
            self._link.send(("acknowledge", child))

    def children(self) -> list[ChildRecord]:
        return [ChildRecord(c.spawned, c.label, c.exited) for c in self._children.values() if c.is_answered]

    def store_fd(self, name: str, fd: int, metadata: str = "") -> int:
        ours = duplicate(fd, STORED_FROM)
        number = self._stored[name][0] if name in self._stored else self._free_number()
        self._close_stored(name)
        self._stored[name] = number, metadata, ours
        self._link.send(("store", name, number, metadata), [ours])
        return number

    async def sync(self) -> None:
        self._check_open()
        self._serial += 1
        synced = self._syncs[self._serial] = asyncio.get_running_loop().create_future()
        if self._is_home:
            self._link.send(("sync", self._serial))
        await synced

    def drop_fd(self, name: str) -> None:
        if name in self._stored:
            self._close_stored(name)
            self._link.send(("drop", name))

    def stored_fds(self) -> dict[str, tuple[int, str]]:
        return {name: (number, metadata) for name, (number, metadata, _) in self._stored.items()}

    def fetch_fd(self, name: str) -> int:
        return duplicate(self._stored[name][2], 3)

    def store_state(self, name: str, blob: bytes) -> None:
        self.store_states({name: blob})

    def store_states(self, blobs: dict[str, bytes]) -> None:
        for name, blob in blobs.items():
            if blob:
                self._state[name] = blob
            else:
                self._state.pop(name, None)
        self._link.send(("state", dict(blobs)))

    def stored_state(self) -> dict[str, bytes]:
        return dict(self._state)

    def _check_open(self) -> None:
        if not self._is_open:
            raise LifecycleError("the spawner is not open")

    def _let_go(self) -> None:
        for child in self._children.values():
            self._close_pidfd(child)
        self._children.clear()
        for name in list(self._stored):
            self._close_stored(name)

    def _close_stored(self, name: str) -> None:
        if name in self._stored:
            os.close(self._stored.pop(name)[2])

    def _free_number(self) -> int:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        number = STORED_FROM if soft == resource.RLIM_INFINITY else min(STORED_FROM, soft // 2)
        taken = {number for number, _, _ in self._stored.values()}
        while number in taken:
            number += 1
        return number

    # -- spawning -----------------------------------------------------------------------------------------------

    def _on_spawned(self, fields: Sequence[Any], fds: list[int]) -> None:
        left = deque(fds)
        for serial, number, pid, started, has_pidfd in fields[0]:
            pidfd = left.popleft() if has_pidfd and left else -1
            start = self._starts.find(serial)
            may_open_no_more = has_pidfd and (pidfd < 0 or is_in_reserve(pidfd))
            if start is not None and not may_open_no_more:
                self._begin(start, number, pid, started, pidfd)
                continue
            if pidfd >= 0:
                os.close(pidfd)
            if start is not None:  # nobody could look after it
                with suppress(ProcessLookupError):  # it has ended by itself
                    os.kill(pid, signal.SIGKILL)
                self._starts.fail(start, OSError(errno.EMFILE, ""))

    def _begin(self, start: Start, number: int, pid: int, started: float, pidfd: int) -> None:
        """Note that a child has started, and answer who asked for it."""
        self._last = max(self._last, number)
        pipes = start.made.readers
        spawned = Spawned(ChildId(number), pid, started, pipes.get(1), pipes.get(2))
        self._children[spawned.child] = _Child(spawned, start.request.label, pidfd, lent_pipes(pipes))
        self._starts.take(start, spawned)

    def _on_failed(self, fields: Sequence[Any], _: list[int]) -> None:
        serial, step, number = fields
        start = self._starts.find(serial)
        if start is not None:
            self._starts.take(start, explain(step, number, start.request))

    def _on_synced(self, fields: Sequence[Any], _: list[int]) -> None:
        synced = self._syncs.pop(fields[0], None)
        if synced is not None and not synced.done():
            synced.set_result(None)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _release(self, answers: Iterable[Spawned | SpawnFailure]) -> None:
        """Tell the ends of children whose caller knows them from now on."""
        ended = []
        for answer in answers:
            child = self._children.get(answer.child) if isinstance(answer, Spawned) else None
            if child is not None:
                child.is_answered = True
                if child.exited is not None:
                    child.is_told = True
                    ended.append(child.exited)
        if ended:
            asyncio.get_running_loop().call_soon(self._on_exits, ended)

    def _on_exits_told(self, fields: Sequence[Any], _: list[int]) -> None:
        for number, _code in fields[0]:
            if number not in self._children:  # nobody was told of it, or it is done with
                self._link.send(("acknowledge", number))
        self._take_exits(fields[0])

    def _take_exits(self, exits: Sequence[tuple[int, int | None]]) -> None:
        batch = []
        for number, code in exits:
            child = self._children.get(ChildId(number))
            if child is None or child.is_told:
                continue
            self._close_pidfd(child)
            child.exited = child.exited or Exited(ChildId(number), child.spawned.pid, code)
            if child.is_answered:
                child.is_told = True
                batch.append(child.exited)
        if batch:
            self._on_exits(batch)

    def _close_pidfd(self, child: _Child) -> None:
        if child.pidfd >= 0:
            if child.is_watched:
                asyncio.get_running_loop().remove_reader(child.pidfd)
            os.close(child.pidfd)
            child.pidfd, child.is_watched = -1, False

    # -- another keeper -----------------------------------------------------------------------------------------

    def is_alone(self) -> None:
        """Look after the children without a keeper: it died. What is asked for waits for :meth:`move`."""
        self._is_home = False
        self._alone_at = _orphans.now()
        loop = asyncio.get_running_loop()
        for child in self._children.values():
            if child.pidfd >= 0:
                child.is_watched = True
                loop.add_reader(child.pidfd, self._ended_alone, child)

    async def move(self) -> None:
        """Give all that the keeper before held to the one that the link leads to now, and go on with that.

        Without effect when that one is gone, too.
        """
        for name, (number, metadata, fd) in list(self._stored.items()):
            self._link.send(("store", name, number, metadata), [fd])
        self._link.send(("state", dict(self._state)))
        await self._find_starts()
        for n, child in enumerate(list(self._children.values())):
            if child.spawned.child in self._children:
                self._hand_over(child)
            if n % _SLICE == 0:
                await asyncio.sleep(0)
        self._link.send(("attach", self._last))
        if self._link.is_lost or not self._is_open:
            return
        self._is_home = True
        for child in self._children.values():
            if child.is_watched:
                asyncio.get_running_loop().remove_reader(child.pidfd)
                child.is_watched = False
        for serial in self._syncs:
            self._link.send(("sync", serial))
        self._starts.send_again()

    async def _find_starts(self) -> None:
        """Answer those whose children the keeper had started, but could not tell of."""
        lost = self._starts.sent()
        if not lost:
            return
        wanted = {start.serial: start.wanted() for start in lost}
        known = {child.spawned.pid for child in self._children.values()}
        found = await _orphans.find(wanted, known, self._alone_at)
        for start in lost:
            start.sent_at = 0.0
            if (orphan := found.get(start.serial)) is not None:
                self._begin(start, self._last + 1, orphan.pid, orphan.started, orphan.pidfd)

    def _hand_over(self, child: _Child) -> None:
        pipes = {number: fd for number, pipe in child.pipes.items() if (fd := pipe.duplicate()) is not None}
        facts = {
            "pid": child.spawned.pid,
            "started": child.spawned.started,
            "label": child.label,
            "alive": child.pidfd >= 0,
            "exit_code": None if child.exited is None else child.exited.exit_code,
            "pipes": list(pipes),
        }
        pidfds = [child.pidfd] if child.pidfd >= 0 else []
        self._link.send(("adopt", child.spawned.child, facts), [*pidfds, *pipes.values()])
        close_all(pipes.values())

    def _ended_alone(self, child: _Child) -> None:
        code = exitcodes.of_stranger(child.pidfd, child.spawned.pid)
        self._take_exits([(child.spawned.child, code)])
