"""The hook ``unix_ready``."""

from __future__ import annotations

import socket
from typing import Any

from circus_core.options import OnChange, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.hooks._waiting import Waiting, wait_until


@dataclass(frozen=True, kw_only=True)
class UnixReady(Waiting):
    """Options of ``unix_ready``."""

    prefix = "hook.unix_ready"
    needed = "path"
    example = "/run/app.sock"

    path: str | None = option(
        kinds.PATH, None, "Socket file that has to accept a connection. Required.", on_change=OnChange.NOTHING
    )


async def unix_ready(*, watcher: Any, **others: Any) -> bool:
    """Wait until a unix socket accepts connections."""
    options = UnixReady.of(watcher.options())
    path = options.path or ""

    def connect(seconds: float) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(seconds)
            client.connect(path)

    return await wait_until(connect, options, path)
