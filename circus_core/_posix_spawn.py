"""posix_spawn(3) of the C library, with what ``os.posix_spawn`` leaves out: a directory, closing, the session."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from circus_core._launch import Launch, environment_bytes, nofile_limit

# <spawn.h> of glibc and musl.
_SETSIGDEF: Final = 0x04
_SETSIGMASK: Final = 0x08
_SETSID: Final = 0x80

# More than any of the two libraries takes: at most 336, 80 and 128 bytes.
_ATTRIBUTES_SIZE: Final = 512
_ACTIONS_SIZE: Final = 256
_SIGNALS_SIZE: Final = 256

_PREFIX: Final = "posix_spawn_file_actions_"


def is_available(*, closes_fds: bool) -> bool:
    """Tell if this system's posix_spawn can do all that is asked of it here.

    A C library that has ``addchdir_np`` (glibc 2.29, musl 1.1.24) also makes a descriptor inheritable that is
    duplicated onto its own number.
    """
    if not sys.platform.startswith("linux"):
        return False
    names = ["addchdir_np", *(["addclosefrom_np"] if closes_fds else [])]
    return all(hasattr(ctypes.CDLL(None), _PREFIX + name) for name in names)


class PosixLauncher:
    """The fast way, for Linux.

    :param closes_fds: descriptors without close-on-exec are not to reach the child
    :param born_soft: soft limit of descriptors that children get; ``None`` when it is our own
    """

    def __init__(self, *, closes_fds: bool, born_soft: int | None) -> None:
        self._closes_fds = closes_fds
        self._born_soft = born_soft
        self._free = ctypes.CDLL(None)
        # The same functions, called with the interpreter lock held.
        self._held = ctypes.PyDLL(None)
        self._attributes = self._make_attributes()

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

    def can_map(self, moved: Sequence[int]) -> bool:
        """A number from the born limit on cannot be given while that limit is in force."""
        return self._born_soft is None or all(number < self._born_soft for number in moved)

    def run(self, launch: Launch, *, has_born_limit: bool = True) -> int:
        """Create a process and return its pid."""
        soft = self._born_soft if has_born_limit else None
        # While our own limit is lowered no other thread may run: what it opens would fail with EMFILE as soon as we
        # have more descriptors than that. Otherwise threads go on while the child gets to its exec.
        library = self._free if soft is None else self._held
        pid = ctypes.c_int()
        argv = _words([os.fsencode(word) for word in launch.argv])
        env = _words(environment_bytes(launch.env))
        program = os.fsencode(launch.program)
        with self._actions(launch) as actions, nofile_limit(soft):
            _check(library.posix_spawn(ctypes.byref(pid), program, actions, self._attributes, argv, env))
        return pid.value

    @contextmanager
    def _actions(self, launch: Launch) -> Iterator[Any]:
        library = self._held
        actions = ctypes.create_string_buffer(_ACTIONS_SIZE)
        _check(library.posix_spawn_file_actions_init(actions))
        try:
            for number, fd in launch.fds.items():
                _check(library.posix_spawn_file_actions_adddup2(actions, fd, number))
            if launch.cwd is not None:
                _check(library.posix_spawn_file_actions_addchdir_np(actions, os.fsencode(launch.cwd)))
            if self._closes_fds:
                end = max(launch.fds, default=2)
                for number in range(3, end):
                    if number not in launch.fds:
                        _check(library.posix_spawn_file_actions_addclose(actions, number))
                _check(library.posix_spawn_file_actions_addclosefrom_np(actions, max(end, 2) + 1))
            yield actions
        finally:
            library.posix_spawn_file_actions_destroy(actions)


def _words(words: Sequence[bytes]) -> Any:
    return (ctypes.c_char_p * (len(words) + 1))(*words)


def _check(number: int) -> None:
    if number:
        raise OSError(number, os.strerror(number))
