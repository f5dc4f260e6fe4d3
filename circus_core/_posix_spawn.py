"""The fast way to launch a process, for Linux: posix_spawn(3) of the C library."""

from __future__ import annotations

import os
from collections.abc import Sequence

from circus_core._launch import Launch, environment_bytes
from circus_core.keeper.posix_spawn import PosixSpawn, is_available, words

__all__ = ["PosixLauncher", "is_available"]


class PosixLauncher:
    """A :class:`~circus_core._launch.Launcher` by posix_spawn.

    :param closes_fds: descriptors without close-on-exec are not to reach the child
    :param born_soft: soft limit of descriptors that children get; ``None`` when it is our own
    """

    def __init__(self, *, closes_fds: bool, born_soft: int | None) -> None:
        self._born_soft = born_soft
        self._library = PosixSpawn(closes_fds=closes_fds)

    def can_map(self, moved: Sequence[int]) -> bool:
        """A number from the born limit on cannot be given while that limit is in force."""
        return self._born_soft is None or all(number < self._born_soft for number in moved)

    def run(self, launch: Launch, *, has_born_limit: bool = True) -> int:
        """Create a process and return its pid."""
        soft = self._born_soft if has_born_limit else None
        argv = [os.fsencode(word) for word in launch.argv]
        env = words(environment_bytes(launch.env))
        cwd = None if launch.cwd is None else os.fsencode(launch.cwd)
        return self._library.run(os.fsencode(launch.program), argv, env, launch.fds, cwd=cwd, soft=soft)
