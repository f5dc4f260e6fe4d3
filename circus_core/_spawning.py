"""From a watcher's configuration to the request that makes one of its processes."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

from circus_core import command_line
from circus_core.inheritance import descriptors_for
from circus_core.machine import resolve_credentials
from circus_core.options import WatcherConfig
from circus_core.outlets import has_pipe
from circus_core.services import Services
from circus_core.spawner import SpawnRequest, Stdio
from circus_core.states import Wid
from circus_core.values import RLIMITS

_INFINITE: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def build_request(config: WatcherConfig, wid: Wid, services: Services, cleanup: contextlib.ExitStack) -> SpawnRequest:
    """Return the request for the process in slot *wid*.

    :param cleanup: closes what was opened for this spawn alone, once it is done
    :raises CircusError: the command is empty, a user or a socket is not there
    """
    inherited = descriptors_for(config, services.sockets)
    cleanup.callback(inherited.close)
    closed_stdin = Stdio.NULL if config.close_child_stdin else Stdio.INHERIT
    return SpawnRequest(
        argv=command_line.build(config, wid, sockets=services.sockets.numbers()),
        executable=config.executable,
        env={**config.env, **inherited.env} if inherited.env else config.env,
        cwd=config.working_dir,
        credentials=resolve_credentials(config.uid, config.gid),
        limits={RLIMITS[name]: _limit(value) for name, value in config.rlimits.items()},
        stdin=closed_stdin if inherited.stdin is None else inherited.stdin,
        stdout=_output(config, "stdout"),
        stderr=_output(config, "stderr"),
        fds=inherited.fds,
        listen_pid=inherited.listen_pid,
    )


def _limit(value: int | None) -> tuple[int, int]:
    return _INFINITE if value is None else (value, value)


def _output(config: WatcherConfig, name: str) -> Stdio:
    if getattr(config, f"close_child_{name}"):
        return Stdio.NULL
    return Stdio.PIPE if has_pipe(config, name) else Stdio.INHERIT
