"""From a watcher's configuration to the requests that make its processes."""

from __future__ import annotations

import contextlib
import resource
from typing import Any, Final

from circus_core import command_line
from circus_core.inheritance import Inherited, descriptors_for
from circus_core.machine import resolve_credentials
from circus_core.options import WatcherConfig
from circus_core.outlets import has_pipe
from circus_core.services import Services
from circus_core.spawner import SpawnRequest, Stdio
from circus_core.states import Wid
from circus_core.values import RLIMITS

_INFINITE: Final = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Requests:
    """Makes the requests for some processes of a watcher; what is the same for all is worked out once.

    :param cleanup: closes what was opened for them alone, once they are spawned
    """

    def __init__(self, config: WatcherConfig, services: Services, cleanup: contextlib.ExitStack) -> None:
        self._config = config
        self._services = services
        self._cleanup = cleanup
        self._same: dict[str, Any] | None = None
        self._depends_on_wid = command_line.names_wid(config)

    def make(self, wid: Wid, label: str) -> SpawnRequest:
        """Return the request for the process in slot *wid*.

        :raises CircusError: the command is empty, a user or a socket is not there
        """
        fields = self._same
        if fields is None:
            inherited = descriptors_for(self._config, self._services.sockets)
            self._cleanup.callback(inherited.close)
            fields = self._fields(wid, inherited)
            if not inherited.fresh:
                self._same = fields
        elif self._depends_on_wid:
            fields = {**fields, "argv": self._argv(wid)}
        return SpawnRequest(**fields, label=label)

    def _fields(self, wid: Wid, inherited: Inherited) -> dict[str, Any]:
        config = self._config
        closed_stdin = Stdio.NULL if config.close_child_stdin else Stdio.INHERIT
        return {
            "argv": self._argv(wid),
            "executable": config.executable,
            "env": {**config.env, **inherited.env} if inherited.env else config.env,
            "cwd": config.working_dir,
            "credentials": resolve_credentials(config.uid, config.gid),
            "limits": {RLIMITS[name]: _limit(value) for name, value in config.rlimits.items()},
            "stdin": closed_stdin if inherited.stdin is None else inherited.stdin,
            "stdout": _output(config, "stdout"),
            "stderr": _output(config, "stderr"),
            "fds": inherited.fds,
            "listen_pid": inherited.listen_pid,
        }

    def _argv(self, wid: Wid) -> tuple[str, ...]:
        return command_line.build(self._config, wid, sockets=self._services.sockets.numbers())


def _limit(value: int | None) -> tuple[int, int]:
    return _INFINITE if value is None else (value, value)


def _output(config: WatcherConfig, name: str) -> Stdio:
    if getattr(config, f"close_child_{name}"):
        return Stdio.NULL
    return Stdio.PIPE if has_pipe(config, name) else Stdio.INHERIT
