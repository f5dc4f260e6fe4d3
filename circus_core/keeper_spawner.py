"""The Spawner whose children are the keeper's: they outlive the process that asks for them."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from circus_core._descriptors import STORED_FROM, duplicate, is_in_reserve
from circus_core._programs import checked_program, explain_launch, find_program, program_candidates
from circus_core._wrapped import explain_step
from circus_core.errors import LifecycleError, SpawnError
from circus_core.keeper.wire import close_all
from circus_core.keeper_link import KeeperLink
from circus_core.spawner import (
    ChildRecord,
    Credentials,
    Exited,
    OpenFd,
    Spawned,
    SpawnFailure,
    SpawnRequest,
    Stdio,
    StoredFd,
)
from circus_core.states import ChildId

_SIDE_BY_SIDE: Final = 4  #: children of one batch on their way: the keeper always has the next one at hand
_NOBODY: Final = Credentials()


@dataclass(slots=True)
class _Child:
    spawned: Spawned
    label: str
    pidfd: int
    exited: Exited | None = None
    is_answered: bool = False  #: the caller of its spawn knows it
    is_told: bool = False  #: its end


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
        self._answers: dict[int, asyncio.Future[Spawned | SpawnFailure]] = {}
        self._requests: dict[int, SpawnRequest] = {}
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._is_open = False
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
        holding = self._link.load()
        self._state = holding.states
        self._stored = holding.descriptors
        for record, pidfd, pipes in holding.children:
            child = ChildId(record["child"])
            spawned = Spawned(child, record["pid"], record["started"], pipes.get(1), pipes.get(2))
            known = self._children[child] = _Child(spawned, record["label"], pidfd, is_answered=True)
            if record["has_exited"]:
                known.exited = Exited(child, spawned.pid, record["exit_code"])

    async def open(self, on_exits: Callable[[Sequence[Exited]], None]) -> None:
        self._on_exits = on_exits
        self._turn = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._link.open()
        self._is_open = True
        self._link.send(("attach",))

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._link.send(("end",))
        self._link.close()
        self._let_go()

    async def spawn(self, requests: Sequence[SpawnRequest]) -> list[Spawned | SpawnFailure]:
        self._check_open()
        answers: dict[int, Spawned | SpawnFailure] = {}
        todo = deque(enumerate(requests))

        async def work() -> None:
            while todo:
                n, request = todo.popleft()
                async with self._turn:
                    answers[n] = await self._spawn(request)

        if len(requests) == 1:
            await work()
        else:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(requests), _SIDE_BY_SIDE)):
                    group.create_task(work())
        self._release(answers.values())
        return [answers[n] for n in range(len(requests))]

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
        close_all([child.pidfd for child in self._children.values() if child.pidfd >= 0])
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

    async def _spawn(self, request: SpawnRequest) -> Spawned | SpawnFailure:
        self._serial += 1
        serial = self._serial
        try:
            program = checked_program(request)
            if not _is_exact(request):
                program = find_program(program, request.env, request.cwd)
        except SpawnError as exc:
            return SpawnFailure(str(exc), exc.errno)
        fds: list[int] = []
        try:
            spec = self._spec(request, program, fds)
            answer: asyncio.Future[Spawned | SpawnFailure] = asyncio.get_running_loop().create_future()
            self._answers[serial] = answer
            self._requests[serial] = request
            self._link.send(("spawn", serial, spec), fds)
            return await answer
        except SpawnError as exc:
            return SpawnFailure(str(exc), exc.errno)
        except OSError as exc:
            return _failure(explain_launch(exc, program, request))
        finally:
            self._answers.pop(serial, None)
            self._requests.pop(serial, None)

    def _spec(self, request: SpawnRequest, program: str, fds: list[int]) -> dict[str, Any]:
        """Return what the keeper is told; what it refers to is added to *fds*."""
        who = request.credentials or _NOBODY
        wanted: dict[int, int | str] = {}
        for number, source in enumerate((request.stdin, request.stdout, request.stderr)):
            if source is Stdio.PIPE and number == 0:
                raise SpawnError("standard input cannot be a pipe of the Spawner; give an open descriptor")
            if not isinstance(source, Stdio):
                wanted[number] = self._source(source, fds)
            elif source is not Stdio.INHERIT:
                wanted[number] = source.value
        for number, source in request.fds.items():
            wanted[number] = self._source(source, fds)
        candidates = program_candidates(program, request.env) if _is_exact(request) else [program]
        return {
            "candidates": [os.fsencode(path) for path in candidates],
            "argv": [os.fsencode(word) for word in request.argv],
            "env": {os.fsencode(name): os.fsencode(value) for name, value in request.env.items()},
            "cwd": None if request.cwd is None else os.fsencode(request.cwd),
            "umask": request.umask,
            "uid": who.uid,
            "gid": who.gid,
            "groups": None if who.groups is None else list(who.groups),
            "limits": dict(request.limits),
            "listen_pid": request.listen_pid,
            "fds": wanted,
            "label": request.label,
        }

    def _source(self, source: StoredFd | OpenFd, fds: list[int]) -> int | str:
        if isinstance(source, OpenFd):
            fds.append(source.fd)
            return len(fds) - 1
        if source.name not in self._stored:
            raise SpawnError(
                f"no descriptor is stored under {source.name!r}; known: {', '.join(self._stored) or 'none'}"
            )
        return f"stored:{source.name}"

    def _on_spawned(self, fields: Sequence[Any], fds: list[int]) -> None:
        serial, number, pid, started, has_pidfd = fields
        answer, request = self._answers.get(serial), self._requests.get(serial)
        if answer is None or request is None or answer.done():
            close_all(fds)
            return
        child = ChildId(number)
        piped = [n for n, source in ((1, request.stdout), (2, request.stderr)) if source is Stdio.PIPE]
        is_complete = len(fds) == has_pidfd + len(piped) and not any(map(is_in_reserve, fds))
        pidfd = fds.pop(0) if has_pidfd and fds else -1
        pipes = dict(zip(piped, fds, strict=False))
        spawned = Spawned(child, pid, started, pipes.get(1), pipes.get(2))
        if not is_complete:  # we may open no more: nobody could look after it
            os.kill(pid, signal.SIGKILL)
            close_all([*fds, *([pidfd] if pidfd >= 0 else [])])
            answer.set_result(_failure(explain_launch(OSError(errno.EMFILE, ""), request.argv[0], request)))
            return
        self._children[child] = _Child(spawned, request.label, pidfd)
        answer.set_result(spawned)

    def _on_failed(self, fields: Sequence[Any], _: list[int]) -> None:
        serial, step, number = fields
        answer, request = self._answers.get(serial), self._requests.get(serial)
        if answer is None or request is None or answer.done():
            return
        if step == "launch":
            program = request.executable or request.argv[0]
            if not _is_exact(request):
                program = find_program(program, request.env, request.cwd)
            answer.set_result(_failure(explain_launch(OSError(number, ""), program, request)))
        else:
            answer.set_result(SpawnFailure(explain_step(step, number, request), number))

    def _on_synced(self, fields: Sequence[Any], _: list[int]) -> None:
        synced = self._syncs.pop(fields[0], None)
        if synced is not None and not synced.done():
            synced.set_result(None)

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
        batch = []
        for number, code in fields[0]:
            child = self._children.get(ChildId(number))
            if child is None:  # nobody was told of it
                self._link.send(("acknowledge", number))
                continue
            if child.is_told:
                continue
            if child.pidfd >= 0:
                os.close(child.pidfd)
                child.pidfd = -1
            child.exited = Exited(ChildId(number), child.spawned.pid, code)
            if child.is_answered:
                child.is_told = True
                batch.append(child.exited)
        if batch:
            self._on_exits(batch)


def _is_exact(request: SpawnRequest) -> bool:
    """Tell whether the keeper has to fork for it: then the program is looked up with the rights of its user."""
    is_plain = request.credentials is None and request.umask is None and not request.limits
    return not is_plain or request.listen_pid


def _failure(error: SpawnError) -> SpawnFailure:
    return SpawnFailure(str(error), error.errno)
