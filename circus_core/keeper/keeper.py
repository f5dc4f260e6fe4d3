"""The keeper: parent of every child, holder of descriptors and state, never without an arbiter for long."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence

from circus_core.keeper.arbiters import Arbiter, Nursery, Role
from circus_core.keeper.become import EMFILE
from circus_core.keeper.children import Child, Children
from circus_core.keeper.launching import way_to_several
from circus_core.keeper.log import log, log_to
from circus_core.keeper.loop import Loop
from circus_core.keeper.signals import PASSED_ON, release
from circus_core.keeper.succession import Succession
from circus_core.keeper.system import signal, socket
from circus_core.keeper.wire import VERSION, Message, close_all

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
_PAGE: Final = 60  #: children in one message: each has up to three descriptors
_PAGE_BYTES: Final = 256 * 1024
_FDS_PAGE: Final = 100
_LOG: Final = "log"  #: name of the stored descriptor that the keeper logs to
_NOTIFY: Final = "notify"  #: name of the stored descriptor that leads to the service manager
_STORED_FROM: Final = 16  #: ours are kept above what children have


class Keeper:
    """Serves arbiters until one of them leaves on purpose.

    :param sock: the channel of the arbiter that runs
    :param pid: its pid
    :param born_nofile: limits of descriptors, soft and hard, that children get
    """

    def __init__(self, sock: socket.socket, pid: int, born_nofile: tuple[int, int], *, is_child: bool) -> None:
        self._loop = Loop()
        self._exit_code: int | None = None
        self._stored: dict[str, tuple[int, int, str]] = {}  # name to descriptor, number in children, metadata
        self._states: dict[str, bytes] = {}
        self._waiting: list[int] = []  # signals that nobody took yet
        self._told_to_end = 0  # by that signal: who dies of something else before it has ended is told again
        self._children = Children(
            self._loop,
            born_nofile,
            lambda name: self._stored[name][0],
            on_spawned=self._on_spawned,
            on_failed=lambda serial, step, number: self._tell(("failed", serial, step, number)),
            on_exits=self._on_exits,
        )
        self._nursery = Nursery(self._loop, born_nofile, on_message=self._on_message, on_end=self._on_end)
        self._children.on_stranger = self._nursery.ended
        self._succession = Succession(self._loop, self._nursery)
        self._succession.on_switch = self._children.abandon_starts
        self._succession.serve(self._nursery.welcome(pid, sock, Role.FIRST, is_child=is_child))
        self._loop.on_signals([signal.SIGCHLD], self._children.reap)
        self._loop.on_signals(PASSED_ON, self._on_signal)
        release()
        self._acts: dict[str, Callable[..., object]] = {
            "acknowledge": self._children.acknowledge,
            "drop": self._drop,
            "state": self._keep_states,
            "notify": self._notify,
        }

    def run(self) -> int:
        """Serve, and return the exit code."""
        self._children.reap()  # what ended before there was a handler
        while self._exit_code is None:
            self._loop.turn()
        self._nursery.end_all()
        return self._exit_code

    # -- what arbiters say --------------------------------------------------------------------------------------

    def _on_message(self, arbiter: Arbiter, message: Message, fds: list[int]) -> None:
        operation, *fields = message
        is_served = arbiter is self._succession.serving
        if not is_served and (operation in self._acts or operation in _WITH_FDS):
            log("ERROR", f"the arbiter (pid {arbiter.pid}) is not served and says {operation!r}: ignored")
        elif operation in self._acts:
            self._acts[operation](*fields)
        elif operation in _ASKING:
            getattr(self, f"_{operation}")(arbiter, *fields)
        elif operation in _WITH_FDS:
            getattr(self, f"_{operation}")(*fields, fds)
        else:
            self._succession.told(arbiter, operation, fields)

    def _hello(self, arbiter: Arbiter, version: int, command: list[str]) -> None:
        self._succession.greeted(arbiter, command)
        facts = {"pid": os.getpid(), "role": arbiter.role, **self._succession.facts()}
        self._say(arbiter, ("welcome", VERSION, facts))
        # Now, while the arbiter has other things to do; and not in months: its file may be gone, or another one.
        way_to_several()

    def _list_children(self, arbiter: Arbiter, after: int) -> None:
        known = self._children.known(after)
        page = known[:_PAGE]
        fds: list[int] = []
        opened: list[int] = []
        records = []
        for child in page:
            pidfd = _pidfd(child)
            if pidfd >= 0:
                fds.append(pidfd)
                if pidfd != child.pidfd:
                    opened.append(pidfd)
            fds += child.pipes.values()
            records.append(
                {
                    "child": child.number,
                    "pid": child.pid,
                    "started": child.started,
                    "label": child.label,
                    "has_pidfd": pidfd >= 0,
                    "pipes": list(child.pipes),
                    "has_exited": child.has_exited,
                    "exit_code": child.exit_code,
                }
            )
        self._say(arbiter, ("children", records, len(page) < len(known)), fds)
        for fd in opened:
            os.close(fd)

    def _list_descriptors(self, arbiter: Arbiter, after: str) -> None:
        names = sorted(name for name in self._stored if name > after)
        page = [(name, *self._stored[name][1:]) for name in names[:_FDS_PAGE]]
        fds = [self._stored[name][0] for name in names[:_FDS_PAGE]]
        self._say(arbiter, ("descriptors", page, len(page) < len(names)), fds)

    def _list_states(self, arbiter: Arbiter, after: str) -> None:
        names = sorted(name for name in self._states if name > after)
        page: dict[str, bytes] = {}
        size = 0
        for name in names:
            if page and size + len(self._states[name]) > _PAGE_BYTES:
                break
            page[name] = self._states[name]
            size += len(page[name])
        self._say(arbiter, ("states", page, len(page) < len(names)))

    def _sync(self, arbiter: Arbiter, serial: int) -> None:
        self._say(arbiter, ("synced", serial))

    def _attach(self, arbiter: Arbiter, last: int) -> None:
        self._children.begin_after(last)
        arbiter.is_attached = True
        ended = [child for child in self._children.known(0) if child.has_exited]
        if ended:
            self._on_exits(ended)
        waiting, self._waiting = self._waiting, []
        if self._told_to_end and self._told_to_end not in waiting:
            waiting.append(self._told_to_end)
        for signum in waiting:
            self._say(arbiter, ("signal", signum))

    def _spawn(self, common: dict[str, Any], starts: list[tuple[int, dict[str, Any]]], fds: list[int]) -> None:
        self._children.spawn(common, starts, fds)

    def _adopt(self, number: int, facts: dict[str, Any], fds: list[int]) -> None:
        self._children.adopt(number, facts, fds)
        fds.clear()  # they are the child's now

    def _store(self, name: str, number: int, metadata: str, fds: list[int]) -> None:
        kept = fcntl.fcntl(fds[0], fcntl.F_DUPFD_CLOEXEC, _STORED_FROM)
        self._drop(name)
        self._stored[name] = kept, number, metadata
        if name == _LOG:
            log_to(kept)

    def _detach(self, fds: list[int]) -> None:
        for number in (0, 1, 2):
            os.dup2(fds[0], number)

    def _upgrade(self, command: list[str], timeout: float, fds: list[int]) -> None:
        if fds:
            self._succession.upgrade(command, timeout, fds[0])
        else:
            self._tell(("stay", "the keeper may open no more descriptors"))

    def _drop(self, name: str) -> None:
        if name in self._stored:
            os.close(self._stored.pop(name)[0])
            if name == _LOG:
                log_to(2)

    def _keep_states(self, states: dict[str, bytes]) -> None:
        for name, blob in states.items():
            if blob:
                self._states[name] = blob
            else:
                self._states.pop(name, None)

    def _notify(self, text: str) -> None:
        if _NOTIFY in self._stored:
            try:
                os.write(self._stored[_NOTIFY][0], text.encode(errors="replace"))
            except OSError:  # nobody to tell it to
                pass

    # -- what happens -------------------------------------------------------------------------------------------

    def _on_spawned(self, spawned: Sequence[tuple[int, Child]]) -> None:
        facts, fds = [], []
        for serial, child in spawned:
            try:
                pidfd = _pidfd(child)
            except OSError as exc:  # no more may be open: nobody could look after it
                self._children.abort(child)
                self._tell(("failed", serial, "launch", exc.errno or EMFILE))
                continue
            if pidfd >= 0:
                fds.append(pidfd)
            facts.append((serial, child.number, child.pid, child.started, pidfd >= 0))
        try:
            self._tell(("spawned", facts), fds)
        finally:
            close_all(fds)

    def _on_exits(self, children: Sequence[Child]) -> None:
        arbiter = self._succession.serving
        if arbiter is not None and arbiter.is_attached:
            self._say(arbiter, ("exits", [(child.number, child.exit_code) for child in children]))
        if self._succession.is_stopping_alone and not self._children.alive:
            self._exit_code = 1

    def _on_signal(self, signum: int) -> None:
        if signum in _ENDING:
            self._told_to_end = signum
        arbiter = self._succession.serving
        if arbiter is not None and arbiter.is_attached:
            self._say(arbiter, ("signal", signum))
        elif self._succession.is_waiting and signum in _ENDING:
            self._stop_alone()
        elif self._succession.is_waiting and signum == signal.SIGHUP:
            self._succession.try_now()
        else:
            self._waiting.append(signum)

    def _stop_alone(self) -> None:
        """End the children without an arbiter: none comes up, and somebody wants all to end."""
        signum = signal.SIGKILL if self._succession.is_stopping_alone else signal.SIGTERM
        alive = self._children.alive
        log("WARNING", f"told to end while there is no arbiter: signal {signum} to {len(alive)} processes; again: KILL")
        self._succession.stop_alone()
        for child in alive:
            os.kill(child.pid, signum)
        if not alive:
            self._exit_code = 1

    def _on_end(self, arbiter: Arbiter) -> None:
        if arbiter is self._succession.serving:
            self._children.abandon_starts()
        self._exit_code = self._succession.ended(arbiter, has_children=bool(self._children.known(0)))
        if self._told_to_end and self._succession.is_waiting and not self._succession.is_stopping_alone:
            self._stop_alone()

    def _tell(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Answer the arbiter that is served."""
        if self._succession.serving is not None:
            self._say(self._succession.serving, message, fds)

    def _say(self, arbiter: Arbiter, message: Message, fds: Sequence[int] = ()) -> None:
        arbiter.send(message, fds)
        self._nursery.after_send(arbiter)


_ASKING: Final = {"hello", "list_children", "list_descriptors", "list_states", "sync", "attach"}
_WITH_FDS: Final = {"spawn", "adopt", "store", "detach", "upgrade"}


def _pidfd(child: Child) -> int:
    """Return a descriptor of the process, -1 when it has ended."""
    if child.pidfd >= 0:
        return child.pidfd
    try:
        return -1 if child.has_exited else os.pidfd_open(child.pid)
    except ProcessLookupError:  # it ended, and was collected, before anybody knew that it runs
        return -1
