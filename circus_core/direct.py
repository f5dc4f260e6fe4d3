"""The Spawner that is the parent of its children: for the library, for ``circusd --no-keeper``, for tests."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from circus_core import _posix_spawn
from circus_core._descriptors import FdStore
from circus_core._exits import End, SweepWatch, make_watch
from circus_core._fdmap import FdMap, map_fds, moved_fds
from circus_core._launch import Launch, Launcher, PopenLauncher
from circus_core._programs import checked_program, explain_launch, find_program
from circus_core._strangers import StrangerReaper
from circus_core._wrapped import PATIENCE, explain_report, no_wrapper, read_report, wrap
from circus_core.errors import LifecycleError, SpawnError
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import ChildRecord, Exited, Spawned, SpawnFailure, SpawnRequest
from circus_core.states import ChildId

_SLICE: Final = 0.002
"""Seconds of spawning after which the loop has its turn."""

_SIDE_BY_SIDE: Final = 2 * (os.cpu_count() or 1)
"""How many wrappers may be on their way to their program."""


@dataclass(slots=True)
class _Child:
    spawned: Spawned
    label: str
    exited: Exited | None = None
    is_answered: bool = False


class DirectSpawner:
    """Creates children of this very process.

    Never takes the status of a process that it did not create, but for ``reaps_strangers``.

    :param closes_fds: keep descriptors that are not close-on-exec from children; not needed by a program that began
        with :func:`~circus_core._descriptors.mark_inherited_cloexec`
    :param born_nofile: the limit of descriptors that children get, soft and hard, when ours was raised
    :param reaps_strangers: also collect the orphans that PID 1 and subreapers inherit; wants the main thread
    :param check_delay: seconds between two looks for ends that the kernel does not tell
    :param uses_posix_spawn: use the C library's posix_spawn where it is good enough, not ``subprocess``
    :param uses_kernel_events: use pidfd or kqueue where the system has one
    """

    is_durable = False

    def __init__(
        self,
        *,
        closes_fds: bool = True,
        born_nofile: tuple[int, int] | None = None,
        reaps_strangers: bool = False,
        check_delay: float = 5.0,
        uses_posix_spawn: bool = True,
        uses_kernel_events: bool = True,
    ) -> None:
        self._born_nofile = None if born_nofile == resource.getrlimit(resource.RLIMIT_NOFILE) else born_nofile
        self._reaps_strangers = reaps_strangers
        self._check_delay = check_delay
        self._uses_kernel_events = uses_kernel_events
        soft = self._born_nofile[0] if self._born_nofile else None
        is_fast = uses_posix_spawn and _posix_spawn.is_available(closes_fds=closes_fds)
        launcher = _posix_spawn.PosixLauncher if is_fast else PopenLauncher
        self._launcher: Launcher = launcher(closes_fds=closes_fds, born_soft=soft)
        self._store = FdStore()
        self._state: dict[str, bytes] = {}
        self._children: dict[ChildId, _Child] = {}
        self._last_id = 0
        self._starting: set[int] = set()  # pids of wrappers that are no children yet
        self._watch: SweepWatch | None = None
        self._strangers: StrangerReaper | None = None
        self._null = -1

    async def open(self, on_exits: Callable[[Sequence[Exited]], None]) -> None:
        self._on_exits = on_exits
        self._turn = asyncio.Lock()  # one slice of spawning a turn of the loop, however many batches there are
        self._wrappers = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._null = os.open(os.devnull, os.O_RDWR)
        self._watch = make_watch(self._note_ends, self._check_delay, uses_kernel=self._uses_kernel_events)
        if self._reaps_strangers:
            self._strangers = StrangerReaper(self._is_ours, self._watch.look)

    async def close(self) -> None:
        if self._watch is None:
            return
        if self._strangers is not None:
            self._strangers.close()
        self._watch.close()
        os.close(self._null)
        self._strangers = self._watch = None
        self._children.clear()
        self._store.close()

    async def spawn(self, requests: Sequence[SpawnRequest]) -> list[Spawned | SpawnFailure]:
        watch = self._opened()
        answers: dict[int, Spawned | SpawnFailure] = {}
        direct: deque[int] = deque()
        wrapped: deque[int] = deque()
        for n, request in enumerate(requests):
            (wrapped if self._needs_wrapper(request) else direct).append(n)

        async def spawn_wrapped() -> None:
            while wrapped:
                n = wrapped.popleft()
                answers[n] = await self._spawn_wrapped(requests[n], watch)

        try:
            async with asyncio.TaskGroup() as group:
                # A few at a time, so that no batch fills the queue of wrappers and a single child waits behind it.
                for _ in range(min(len(wrapped), _SIDE_BY_SIDE)):
                    group.create_task(spawn_wrapped())
                while direct:
                    async with self._turn:
                        pause_at = time.monotonic() + _SLICE
                        while direct and time.monotonic() < pause_at:
                            n = direct.popleft()
                            answers[n] = self._spawn_direct(requests[n], watch)
                    if direct:
                        await asyncio.sleep(0)
        finally:  # cancelled: whoever ends them all has to find them
            self._release(answers.values())
        return [answers[n] for n in range(len(requests))]

    def signal(self, child: ChildId, signum: int) -> bool:
        return self._opened().signal(child, signum)

    def acknowledge(self, child: ChildId) -> None:
        known = self._children.get(child)
        if known is not None and known.exited is not None:
            del self._children[child]

    def children(self) -> list[ChildRecord]:
        return [ChildRecord(c.spawned, c.label, c.exited) for c in self._children.values() if c.is_answered]

    def store_fd(self, name: str, fd: int, metadata: str = "") -> int:
        return self._store.store(name, fd, metadata)

    def drop_fd(self, name: str) -> None:
        self._store.drop(name)

    async def sync(self) -> None:
        pass  # all is done at once

    def stored_fds(self) -> dict[str, tuple[int, str]]:
        return self._store.listing()

    def fetch_fd(self, name: str) -> int:
        return self._store.fetch(name)

    def store_state(self, name: str, blob: bytes) -> None:
        if blob:
            self._state[name] = blob
        else:
            self._state.pop(name, None)

    def store_states(self, blobs: dict[str, bytes]) -> None:
        for name, blob in blobs.items():
            self.store_state(name, blob)

    def stored_state(self) -> dict[str, bytes]:
        return dict(self._state)

    def _opened(self) -> SweepWatch:
        if self._watch is None:
            raise LifecycleError("the spawner is not open")
        return self._watch

    def _needs_wrapper(self, request: SpawnRequest) -> bool:
        is_plain = request.credentials is None and request.umask is None and not request.limits
        return not (is_plain and not request.listen_pid and self._launcher.can_map(moved_fds(request, self._store)))

    def _spawn_direct(self, request: SpawnRequest, watch: SweepWatch) -> Spawned | SpawnFailure:
        try:
            found = find_program(checked_program(request), request.env, request.cwd)
            with self._prepared(request, found) as (launch, fdmap, _):
                pid = self._launcher.run(launch)
        except SpawnError as exc:
            return SpawnFailure(str(exc), exc.errno)
        return self._adopt(pid, request, fdmap, watch)

    async def _spawn_wrapped(self, request: SpawnRequest, watch: SweepWatch) -> Spawned | SpawnFailure:
        async with self._wrappers:
            try:
                async with self._turn:
                    pid, fdmap, errors = self._launch_wrapper(request)
            except SpawnError as exc:
                return SpawnFailure(str(exc), exc.errno)
            failure = await self._hear(pid, errors, request)
        if failure is None:
            return self._adopt(pid, request, fdmap, watch)
        fdmap.close_readers()
        watch.watch(self._next_id(), pid)
        return failure

    def _launch_wrapper(self, request: SpawnRequest) -> tuple[int, FdMap, int]:
        program = checked_program(request)
        limits = dict(request.limits)
        if self._born_nofile is not None:
            limits.setdefault(resource.RLIMIT_NOFILE, self._born_nofile)
        with self._prepared(request, program) as (launch, fdmap, opened):
            wrapper, errors = wrap(launch, request, limits, opened)
            try:
                pid = self._launcher.run(wrapper, has_born_limit=False)
            except OSError as exc:
                os.close(errors)
                raise no_wrapper(exc, request) from exc
        self._starting.add(pid)
        return pid, fdmap, errors

    @contextmanager
    def _prepared(self, request: SpawnRequest, program: str) -> Iterator[tuple[Launch, FdMap, ExitStack]]:
        """Have the descriptors of *request* open while it is launched, and say why it was not."""
        fdmap = FdMap()
        try:
            with ExitStack() as opened:
                fdmap = map_fds(request, self._store, self._null, opened)
                launch = Launch(program=program, argv=request.argv, env=request.env, cwd=request.cwd, fds=fdmap.fds)
                yield launch, fdmap, opened
        except OSError as exc:
            fdmap.close_readers()
            raise explain_launch(exc, program, request) from exc
        except BaseException:
            fdmap.close_readers()
            raise

    async def _hear(self, pid: int, errors: int, request: SpawnRequest) -> SpawnFailure | None:
        """Return why the wrapper with *pid* could not become its program, ``None`` when it did."""
        try:
            report = await read_report(errors)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            return SpawnFailure(f"program {request.argv[0]!r} did not start in {PATIENCE:g}s; does its disk answer?")
        finally:
            self._starting.discard(pid)
        if not report:
            return None
        error = explain_report(report, request)
        return SpawnFailure(str(error), error.errno)

    def _adopt(self, pid: int, request: SpawnRequest, fdmap: FdMap, watch: SweepWatch) -> Spawned:
        child = self._next_id()
        spawned = Spawned(child, pid, time.time(), fdmap.readers.get(1), fdmap.readers.get(2))
        self._children[child] = _Child(spawned, request.label)
        watch.watch(child, pid)
        return spawned

    def _next_id(self) -> ChildId:
        self._last_id += 1
        return ChildId(self._last_id)

    def _is_ours(self, pid: int) -> bool:
        return pid in self._starting or self._opened().knows(pid)

    def _release(self, answers: Iterable[Spawned | SpawnFailure]) -> None:
        """Tell the ends of children whose caller knows them from now on."""
        ended = []
        for answer in answers:
            child = self._children.get(answer.child) if isinstance(answer, Spawned) else None
            if child is not None:
                child.is_answered = True
                if child.exited is not None:
                    ended.append(child.exited)
        if ended:
            asyncio.get_running_loop().call_soon(self._on_exits, ended)

    def _note_ends(self, ends: Sequence[End]) -> None:
        batch = []
        for child_id, exit_code in ends:
            child = self._children.get(child_id)
            if child is not None:  # None: a wrapper that failed
                child.exited = Exited(child_id, child.spawned.pid, exit_code)
                if child.is_answered:
                    batch.append(child.exited)
        if batch:
            self._on_exits(batch)
