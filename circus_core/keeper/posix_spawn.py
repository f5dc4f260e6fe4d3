"""posix_spawn(3) of the C library: other threads go on while a child gets to its program, so several start at once.

What ``os.posix_spawn`` leaves out is here too: a directory, closing descriptors, a session on every Linux.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache

from circus_core.keeper.become import ENOMEM

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

# <spawn.h> of glibc and musl.
_SETSIGDEF: Final = 0x04
_SETSIGMASK: Final = 0x08
_SETSID: Final = 0x80

# More than any of the two libraries takes: at most 336, 80 and 128 bytes.
_ATTRIBUTES_SIZE: Final = 512
_ACTIONS_SIZE: Final = 256
_SIGNALS_SIZE: Final = 256

_PREFIX: Final = "posix_spawn_file_actions_"
_THREADS: Final = min(4, (os.cpu_count() or 1) + 1)  #: one more than can run, since each waits for its child
_FEW: Final = 3  #: children for each of which a thread is worth its while


@cache
def is_available(*, closes_fds: bool) -> bool:
    """Tell if this system's posix_spawn can do all that is asked of it here.

    A C library that has ``addchdir_np`` (glibc 2.29, musl 1.1.24) also makes a descriptor inheritable that is
    duplicated onto its own number.
    """
    if not sys.platform.startswith("linux"):
        return False
    names = ["addchdir_np", *(["addclosefrom_np"] if closes_fds else [])]
    return all(hasattr(ctypes.CDLL(None), _PREFIX + name) for name in names)


class PosixSpawn:
    """Creates processes that lead a session of their own, with no signal ignored or blocked.

    :param closes_fds: descriptors without close-on-exec are not to reach the child
    """

    def __init__(self, *, closes_fds: bool = False) -> None:
        self._closes_fds = closes_fds
        self._free = ctypes.CDLL(None)
        # The same functions, called with the interpreter lock held.
        self._held = ctypes.PyDLL(None)
        self._attributes = self._make_attributes()

    def run(
        self,
        program: bytes,
        argv: Sequence[bytes],
        env: Any,
        fds: Mapping[int, int],
        *,
        cwd: bytes | None = None,
        soft: int | None = None,
    ) -> int:
        """Create a process and return its pid.

        :param env: what :func:`words` makes of ``NAME=value`` each
        :param fds: number in the child to descriptor of ours
        :param soft: its soft limit of descriptors; ``None`` for our own
        :raises OSError: the errno of what failed, be it the directory or the program
        """
        with self.actions(fds, cwd) as actions, _nofile_limit(soft):
            # While our own limit is lowered no other thread may run: what it opens would fail with EMFILE as soon as we
            # have more descriptors than that. Otherwise threads go on while the child gets to its exec.
            return self.act(program, argv, env, actions, holds_lock=soft is not None)

    def act(self, program: bytes, argv: Sequence[bytes], env: Any, actions: Any, *, holds_lock: bool = False) -> int:
        """Create a process whose descriptors are what :meth:`actions` makes of them; see :meth:`run`."""
        pid = ctypes.c_int()
        library = self._held if holds_lock else self._free
        _check(library.posix_spawn(ctypes.byref(pid), program, actions, self._attributes, words(argv), env))
        return pid.value

    def _make_attributes(self) -> Any:
        attributes = ctypes.create_string_buffer(_ATTRIBUTES_SIZE)
        signals = ctypes.create_string_buffer(_SIGNALS_SIZE)
        _check(self._held.posix_spawnattr_init(attributes))
        flags = ctypes.c_short(_SETSID | _SETSIGDEF | _SETSIGMASK)
        _check(self._held.posix_spawnattr_setflags(attributes, flags))
        self._held.sigemptyset(signals)
        _check(self._held.posix_spawnattr_setsigmask(attributes, signals))
        # All of them: SIGPIPE and SIGXFSZ are ignored by Python, others perhaps by whoever started us.
        self._held.sigfillset(signals)
        _check(self._held.posix_spawnattr_setsigdefault(attributes, signals))
        return attributes

    @contextmanager
    def actions(self, fds: Mapping[int, int], cwd: bytes | None = None) -> Iterator[Any]:
        """Have what the C library does in the child with descriptors and directory."""
        library = self._held
        actions = ctypes.create_string_buffer(_ACTIONS_SIZE)
        _check(library.posix_spawn_file_actions_init(actions))
        try:
            for number, fd in fds.items():
                _check(library.posix_spawn_file_actions_adddup2(actions, fd, number))
            if cwd is not None:
                _check(library.posix_spawn_file_actions_addchdir_np(actions, cwd))
            if self._closes_fds:
                end = max(fds, default=2)
                for number in range(3, end):
                    if number not in fds:
                        _check(library.posix_spawn_file_actions_addclose(actions, number))
                _check(library.posix_spawn_file_actions_addclosefrom_np(actions, max(end, 2) + 1))
            yield actions
        finally:
            library.posix_spawn_file_actions_destroy(actions)


@contextmanager
def _nofile_limit(soft: int | None) -> Iterator[None]:
    """Have the soft limit of descriptors be *soft* in the body; ``None`` leaves it alone."""
    if soft is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


Start = tuple[bytes, Sequence[bytes], Mapping[int, int]]
"""Program, words, number in the child to descriptor of ours."""


def spawn_all(starts: Sequence[Start], env: Mapping[bytes, bytes]) -> list[int | OSError]:
    """Return for each of *starts* the pid of its process, or why there is none.

    Several at once, by threads that have ended by then: who forks need not think of them.
    """
    library = _library()
    environment = words([name + b"=" + value for name, value in env.items()])
    results: list[int | OSError] = [OSError(ENOMEM, "") for _ in starts]
    left = iter(range(len(starts)))  # the next of it is one step of the interpreter, so no two threads get the same
    with ExitStack() as made:
        actions: list[Any] = []
        for n, (_, _, fds) in enumerate(starts):
            alike = n and fds == starts[n - 1][2]
            actions.append(actions[-1] if alike else made.enter_context(library.actions(fds)))

        def work() -> None:
            for n in left:
                program, argv, _ = starts[n]
                try:
                    results[n] = library.act(program, argv, environment, actions[n])
                except OSError as exc:
                    results[n] = exc
                except MemoryError:
                    pass  # as it is put down already

        others = [_in_thread(work) for _ in range(min(_THREADS, len(starts) // _FEW) - 1)]
        try:
            work()
        finally:
            for has_ended in others:  # they use what is destroyed below
                has_ended.acquire()
    return results


def _in_thread(work: Callable[[], None]) -> Any:
    """Do *work* in a thread, and return a lock that can be had when it has ended; or do nothing.

    The threads of ``threading`` are waited for when they start, which takes a fifth of the time of all this.
    """
    has_ended = _thread.allocate_lock()
    has_ended.acquire()

    def run() -> None:
        try:
            work()
        finally:
            has_ended.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:  # there may be no more of them: then it takes longer
        has_ended.release()
    return has_ended


@cache
def _library() -> PosixSpawn:
    return PosixSpawn()


def words(words: Sequence[bytes]) -> Any:
    """Return *words* as the C library takes them."""
    return (ctypes.c_char_p * (len(words) + 1))(*words)


def _check(number: int) -> None:
    if number:
        raise OSError(number, os.strerror(number))
