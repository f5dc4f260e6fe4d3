"""Processes from the shortest description of one: the two ways that run no Python between fork and exec."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Protocol

from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A process to create.

    :param program: the file to execute, relative to *cwd*
    :param fds: number in the child to descriptor of ours; 0, 1 or 2 stays what ours is when it is missing. No
        descriptor of ours is the number of another one in the child.
    """

    program: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str | None
    fds: Mapping[int, int]


class Launcher(Protocol):
    """Creates processes that lead a session of their own."""

    def can_map(self, moved: Sequence[int]) -> bool:
        """Tell if :meth:`run` gives a child all that was promised, *moved* being numbers that are not our own."""

    def run(self, launch: Launch, *, has_born_limit: bool = True) -> int:
        """Create a process and return its pid.

        :param has_born_limit: give it the descriptor limit that we were born with, not our own
        :raises OSError: the errno of what failed, be it the directory or the program
        """


class PopenLauncher:
    """The portable way: ``subprocess.Popen``, which uses vfork where it can.

    :param closes_fds: descriptors without close-on-exec are not to reach the child
    :param born_soft: soft limit of descriptors that children get; ``None`` when it is our own
    """

    def __init__(self, *, closes_fds: bool, born_soft: int | None) -> None:
        self._closes_fds = closes_fds
        self._born_soft = born_soft

    def can_map(self, moved: Sequence[int]) -> bool:
        """Popen keeps numbers, resets three signals only, and needs free descriptors below the limit."""
        return not moved and self._born_soft is None and not _signals_differ()

    def run(self, launch: Launch, *, has_born_limit: bool = True) -> int:
        """Create a process and return its pid."""
        passed = tuple(number for number in launch.fds if number > 2)
        process = subprocess.Popen(
            launch.argv,
            executable=launch.program,
            env=launch.env,
            cwd=launch.cwd,
            stdin=launch.fds.get(0),
            stdout=launch.fds.get(1),
            stderr=launch.fds.get(2),
            start_new_session=True,
            close_fds=self._closes_fds or bool(passed),
            pass_fds=passed,
        )
        # Its destructor would put a running process on a list that every later Popen polls, and take its status.
        process.returncode = 0
        return process.pid


def _signals_differ() -> bool:
    reset = {signal.SIGPIPE, signal.SIGXFSZ}
    ignored = {n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN}
    return bool(ignored - reset or signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def environment_bytes(env: Mapping[str, str]) -> list[bytes]:
    """Return the ``NAME=value`` words of *env*."""
    return [os.fsencode(f"{name}={value}") for name, value in env.items()]
