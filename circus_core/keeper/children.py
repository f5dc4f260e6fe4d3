"""The children: spawned, known until their end is acknowledged, reaped; strangers are reaped too."""

from __future__ import annotations

import fcntl
import marshal
import os
import resource
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from circus_core.keeper import become, exitcodes
from circus_core.keeper.launching import RESET, Ready, one_by_one, way_to_several
from circus_core.keeper.loop import Loop
from circus_core.keeper.system import signal
from circus_core.keeper.wire import close_all

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

PATIENCE: Final = 30.0
"""Seconds after which a child that neither runs its program nor failed is given up: a dead network file system."""


class Child:
    """One child, from its start until its end is acknowledged."""

    __slots__ = ("exit_code", "has_exited", "label", "number", "pid", "pidfd", "pipes", "started")

    def __init__(self, number: int, pid: int, started: float, label: str, pipes: dict[int, int]) -> None:
        self.number = number
        self.pid = pid
        self.started = started
        self.label = label
        self.pipes = pipes  #: 1 or 2 to the read end
        self.pidfd = -1  #: of one that another keeper was the parent of
        self.has_exited = False
        self.exit_code: int | None = None


class _Starting:
    """A process between fork and exec."""

    def __init__(self, ready: Ready, pid: int, report: int) -> None:
        self.ready = ready
        self.pid = pid
        self.report = report
        self.status: int | None = None  #: how it ended, when it already has


class Children:
    """Creates processes, and collects each one that ends.

    :param born_nofile: limits of descriptors, soft and hard, that children get
    :param stored: name to descriptor of what may be given to them
    :param on_spawned: told of children, each with the serial of what asked for it
    :param on_failed: told of the serial, the step that failed and its errno
    :param on_exits: told of children that ended
    """

    def __init__(
        self,
        loop: Loop,
        born_nofile: tuple[int, int],
        stored: Callable[[str], int],
        *,
        on_spawned: Callable[[Sequence[tuple[int, Child]]], object],
        on_failed: Callable[[int, str, int], object],
        on_exits: Callable[[Sequence[Child]], object],
    ) -> None:
        self._loop = loop
        self._born = born_nofile
        self._ours = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._stored = stored
        self._on_spawned = on_spawned
        self._on_failed = on_failed
        self._on_exits = on_exits
        self._known: dict[int, Child] = {}
        self._alive: dict[int, Child] = {}  # by pid
        self._starting: dict[int, _Starting] = {}  # by pid
        self._last = 0
        self._home = os.open(".", os.O_PATH | os.O_DIRECTORY)
        self._null = os.open(os.devnull, os.O_RDWR)
        self.on_stranger: Callable[[int, int], object] = lambda pid, code: None  #: told of every other process

    @property
    def alive(self) -> list[Child]:
        """Those that run."""
        return list(self._alive.values())

    def known(self, after: int) -> list[Child]:
        """Return all that were not acknowledged with a number above *after*, oldest first."""
        return [child for number, child in self._known.items() if number > after]

    def acknowledge(self, number: int) -> None:
        """Forget a child that ended."""
        child = self._known.get(number)
        if child is not None and child.has_exited:
            del self._known[number]
            close_all(list(child.pipes.values()))

    def spawn(self, common: dict[str, Any], starts: Sequence[tuple[int, dict[str, Any]]], fds: Sequence[int]) -> None:
        """Create processes, each of what *common* and its own dictionary describe.

        :param fds: those that they refer to, one after the other
        """
        plain: list[Ready] = []
        exact: list[Ready] = []
        at = 0
        with ExitStack() as opened:
            for serial, own in starts:
                ready = self._prepare(serial, {**common, **own}, fds[at : at + own["passed"]], opened)
                at += own["passed"]
                if ready is not None:
                    (plain if self._is_plain(ready) else exact).append(ready)
            if plain:
                self._launch(plain)
            for ready in exact:
                self._fork(ready)

    def _prepare(self, serial: int, spec: dict[str, Any], fds: Sequence[int], opened: ExitStack) -> Ready | None:
        ready = Ready(serial, spec)
        try:
            ready.wanted = self._map(spec, fds, ready.pipes, opened)
        except OSError as exc:
            self._fail(ready, exc)
            return None
        except KeyError:  # what was stored under that name was dropped meanwhile
            self._fail(ready, become.StepError("launch", become.EBADF))
            return None
        return ready

    def abort(self, child: Child) -> None:
        """End a child that nobody was told of; how it ends is nobody's concern."""
        del self._known[child.number], self._alive[child.pid]
        close_all(list(child.pipes.values()))
        os.kill(child.pid, signal.SIGKILL)

    def adopt(self, number: int, facts: dict[str, Any], fds: list[int]) -> None:
        """Take over a child of a keeper that died; *fds* are its pidfd and its pipes."""
        child = Child(number, facts["pid"], facts["started"], facts["label"], {})
        self._known[number] = child
        if facts["alive"]:
            child.pidfd = fds[0]
            self._alive[child.pid] = child
            self._loop.watch(child.pidfd, select.POLLIN, lambda _: self._adopted_ended(child))
        else:
            child.has_exited, child.exit_code = True, facts["exit_code"]
        child.pipes = dict(zip(facts["pipes"], fds[1 if facts["alive"] else 0 :], strict=True))

    def begin_after(self, last: int) -> None:
        """Give no child a number up to *last*: the keeper before had them."""
        self._last = max(self._last, last)

    def abandon_starts(self) -> None:
        """End what nobody waits for any more, unless it runs its program already: then it is a child like others."""
        for starting in list(self._starting.values()):
            if _is_readable(starting.report):
                self._started(starting)
            else:
                self._give_up(starting)

    def reap(self, _: int = 0) -> None:
        """Collect every process that has ended."""
        ended = []
        while (status := _next_status()) is not None:
            pid, code = status
            child = self._alive.pop(pid, None)
            if child is not None:
                child.has_exited, child.exit_code = True, code
                ended.append(child)
            elif pid in self._starting:
                self._starting[pid].status = code
            else:
                self.on_stranger(pid, code)
        if ended:
            self._on_exits(ended)

    def _map(
        self, spec: dict[str, Any], fds: Sequence[int], pipes: dict[int, int], opened: ExitStack
    ) -> dict[int, int]:
        """Return number in the child to descriptor of ours; what is opened for the child alone closes with *opened*."""
        if len(fds) < spec["passed"]:  # the kernel gave us fewer than were sent
            raise OSError(become.EMFILE, "too many open files")
        for number, source in spec["pipes"].items():
            pipes[number] = self._out_of_the_way(fds[source])
        wanted = {}
        for number, source in spec["fds"].items():
            if source == "null":
                wanted[number] = self._null
            elif isinstance(source, str):
                wanted[number] = self._stored(source.removeprefix("stored:"))
            else:
                wanted[number] = fds[source]
        # Move each whose number another one takes in the child, so that the order does not matter.
        above = max(wanted, default=2) + 1
        for number, fd in wanted.items():
            if fd != number and fd in wanted:
                wanted[number] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above)
                opened.callback(os.close, wanted[number])
        return wanted

    def _out_of_the_way(self, fd: int) -> int:
        """Duplicate a descriptor for long, above the limit of children, so that the numbers below are free."""
        above = 3 if self._born[0] == self._ours[0] else self._born[0]
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above)

    def _is_plain(self, ready: Ready) -> bool:
        spec = ready.spec
        is_exact = spec["limits"] or spec["listen_pid"] or spec["umask"] is not None
        has_credentials = any(spec[name] is not None for name in ("uid", "gid", "groups"))
        soft = self._born[0]
        # The C library refuses a number that it could not open now, also to duplicate from.
        fits = soft < 0 or soft == self._ours[0] or all(n < soft and fd < soft for n, fd in ready.wanted.items())
        return not (is_exact or has_credentials) and fits

    def _launch(self, plain: Sequence[Ready]) -> None:
        """Create processes that need nothing set that posix_spawn cannot set, or that we can lend them."""
        cwd = plain[0].spec["cwd"]
        spawn_all = way_to_several() if len(plain) > 1 else one_by_one  # before the limit is lent: it may import
        results: list[int | OSError | become.StepError]
        try:
            if cwd is not None:
                become.enter_cwd(plain[0].spec)
            if self._born[0] != self._ours[0]:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self._born[0], self._ours[1]))
            results = [*spawn_all(plain)]
        except (OSError, become.StepError) as exc:
            results = [exc for _ in plain]
        finally:
            if self._born[0] != self._ours[0]:
                resource.setrlimit(resource.RLIMIT_NOFILE, self._ours)
            if cwd is not None:
                os.fchdir(self._home)
        spawned = []
        for ready, result in zip(plain, results, strict=True):
            if isinstance(result, int):
                spawned.append((ready.serial, self._born_as(result, ready)))
            else:
                self._fail(ready, result)
        if spawned:
            self._on_spawned(spawned)

    def _fork(self, ready: Ready) -> None:
        """Create a process that sets by itself what has to be exact; how it went is heard of later."""
        try:
            pid, report = self._fork_exact(ready)
        except OSError as exc:
            self._fail(ready, exc)
            return
        starting = self._starting[pid] = _Starting(ready, pid, report)
        self._loop.watch(report, select.POLLIN, lambda _: self._started(starting))
        self._loop.at(f"start {pid}", PATIENCE, lambda: self._give_up(starting))

    def _fork_exact(self, ready: Ready) -> tuple[int, int]:
        """Return pid, and the descriptor on which it reports."""
        spec = {**ready.spec, "fds": ready.wanted}
        spec["limits"] = {resource.RLIMIT_NOFILE: self._born, **spec["limits"]}
        with ExitStack() as opened:
            reader, writer = os.pipe()
            opened.callback(os.close, writer)
            errors = fcntl.fcntl(writer, fcntl.F_DUPFD_CLOEXEC, max(ready.wanted, default=2) + 1)
            opened.callback(os.close, errors)
            os.set_blocking(reader, False)
            # What comes before its own handlers are reset must not run ours in it.
            signal.pthread_sigmask(signal.SIG_BLOCK, RESET)
            try:
                pid = os.fork()
                if pid == 0:
                    _be_child(spec, errors)
            except OSError:
                os.close(reader)
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, RESET)
        return pid, reader

    def _started(self, starting: _Starting) -> None:
        """Take what a process between fork and exec reports: nothing, when it got there."""
        data = os.read(starting.report, 4096)
        self._forget_start(starting)
        if data:
            self._fail(starting.ready, become.StepError(*marshal.loads(data)))
            return
        child = self._born_as(starting.pid, starting.ready)
        self._on_spawned([(starting.ready.serial, child)])
        if starting.status is not None:
            del self._alive[child.pid]
            child.has_exited, child.exit_code = True, starting.status
            self._on_exits([child])

    def _give_up(self, starting: _Starting) -> None:
        if starting.status is None:
            os.kill(starting.pid, signal.SIGKILL)
        self._forget_start(starting)
        self._fail(starting.ready, become.StepError("patience", 110))

    def _forget_start(self, starting: _Starting) -> None:
        self._loop.ignore(starting.report)
        self._loop.forget(f"start {starting.pid}")
        os.close(starting.report)
        del self._starting[starting.pid]

    def _fail(self, ready: Ready, error: OSError | become.StepError) -> None:
        close_all(list(ready.pipes.values()))
        step, number = (error.step, error.number) if isinstance(error, become.StepError) else ("launch", error.errno)
        self._on_failed(ready.serial, step, number or become.EINVAL)

    def _born_as(self, pid: int, ready: Ready) -> Child:
        self._last += 1
        child = Child(self._last, pid, time.time(), ready.spec["label"], ready.pipes)
        self._known[child.number] = self._alive[pid] = child
        return child

    def _adopted_ended(self, child: Child) -> None:
        child.has_exited, child.exit_code = True, exitcodes.of_stranger(child.pidfd, child.pid)
        self._loop.ignore(child.pidfd)
        os.close(child.pidfd)
        child.pidfd = -1
        del self._alive[child.pid]
        self._on_exits([child])


def _be_child(spec: dict[str, Any], errors: int) -> None:
    report = "fork", become.EINVAL
    try:
        os.setsid()
        become.become(spec)
    except become.StepError as exc:
        report = exc.step, exc.number
    finally:
        try:
            os.write(errors, marshal.dumps(report))
        finally:
            os._exit(127)


def _is_readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _next_status() -> tuple[int, int] | None:
    """Return pid and exit code of an ended process, which is gone then."""
    try:
        result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if result is None:
        return None
    return result.si_pid, result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
