"""Whether the machine can carry as many processes as a configuration asks for."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from circus_core.config import Config
from circus_core.options import WatcherConfig
from circus_core.outlets import OUTPUTS, has_pipe
from circus_core.quick_dataclass import dataclass

_BASE: Final = 64  #: descriptors that the daemon itself has: log, endpoints, event loop, ...
_INFINITE: Final = 1 << 62

_LIMITS: Final = {
    "kernel.pid_max": "/proc/sys/kernel/pid_max",
    "kernel.threads-max": "/proc/sys/kernel/threads-max",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine allows.

    :param descriptors: of one process, the hard limit
    :param processes: what limits them, by how it is called, to how many there may be
    """

    descriptors: int
    processes: dict[str, int]


def capacity_problems(config: Config, limits: Limits | None = None) -> list[str]:
    """Return, for people, what of *limits* is less than *config* needs; those of this machine by default."""
    limits = limits or machine_limits()
    return [*_descriptor_problems(config, limits), *_process_problems(config, limits)]


def machine_limits() -> Limits:
    """Return what this machine allows us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = {name: value for name, path in _LIMITS.items() if (value := _number(path)) is not None}
    if (value := _group_limit()) is not None:
        found["pids.max of the control group"] = value
    if os.geteuid() != 0:
        _, most = resource.getrlimit(resource.RLIMIT_NPROC)
        found["the limit of processes of this user (ulimit -Hu)"] = _finite(most)
    return Limits(_finite(hard), found)


def _descriptor_problems(config: Config, limits: Limits) -> Iterator[str]:
    needs = {watcher.name: watcher.numprocesses * _descriptors(watcher) for watcher in config.watchers}
    needed = _BASE + len(config.sockets) + sum(needs.values())
    if needed <= limits.descriptors:
        return
    most = max(needs, key=lambda name: needs[name])
    (watcher,) = (watcher for watcher in config.watchers if watcher.name == most)
    pipes = _descriptors(watcher) - 1
    yield (
        f"all processes together need {needed} open descriptors, the hard limit here is {limits.descriptors}: "
        f"[watcher:{most}] alone needs {needs[most]}, one and {pipes} of output for each of {watcher.numprocesses} "
        f"processes; raise the limit (LimitNOFILE= of a systemd unit, --ulimit nofile= of a container, ulimit -Hn)"
        + (", or leave its streams out" if pipes else ", or lower numprocesses")
    )


def _process_problems(config: Config, limits: Limits) -> Iterator[str]:
    needed = sum(watcher.numprocesses for watcher in config.watchers)
    for name, most in limits.processes.items():
        if needed > most:
            yield f"all watchers together ask for {needed} processes, {name} allows {most}; raise it or ask for fewer"


def _descriptors(watcher: WatcherConfig) -> int:
    """Return how many descriptors the daemon keeps open for each process of a watcher."""
    return 1 + sum(has_pipe(watcher, name) for name in OUTPUTS)


def _number(path: str) -> int | None:
    with suppress(OSError, ValueError), open(path) as file:
        return int(file.read())
    return None


def _group_limit() -> int | None:
    """Return the limit of the control group that we are in, where it has one (cgroup v2)."""
    with suppress(OSError):
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
        for line in lines:
            number, _, path = line.split(":", 2)
            if number == "0":
                return _number(f"/sys/fs/cgroup{path}/pids.max")
    return None


def _finite(limit: int) -> int:
    return _INFINITE if limit == resource.RLIM_INFINITY else limit
