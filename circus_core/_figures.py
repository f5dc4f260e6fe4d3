"""What is read of one process, whatever the system."""

from __future__ import annotations

from typing import NamedTuple


class Figures(NamedTuple):
    """A process at one moment.

    :param birth: tells it from an earlier process that had the same pid
    :param cpu_time: seconds of user and system time
    :param created: Unix time of its start
    :param vms: bytes of its address space
    :param rss: bytes of it that are in memory
    :param threads: how many it has
    :param title: what the kernel calls it: another one says that it became another program
    """

    pid: int
    ppid: int
    birth: float
    is_zombie: bool
    cpu_time: float | None
    nice: int | None
    created: float | None
    vms: int | None
    rss: int | None
    threads: int = 1
    title: bytes = b""
