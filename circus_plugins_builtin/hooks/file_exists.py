"""The hook ``file_exists``."""

from __future__ import annotations

import os
from typing import Any

from circus_core.options import OnChange, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.hooks._waiting import Waiting, wait_until


@dataclass(frozen=True, kw_only=True)
class FileExists(Waiting):
    """Options of ``file_exists``."""

    prefix = "hook.file_exists"
    needed = "path"
    example = "/run/app/ready"

    path: str | None = option(
        kinds.PATH,
        None,
        "File, folder or socket that has to be there. Required.",
        on_change=OnChange.NOTHING,
    )


async def file_exists(*, watcher: Any, **others: Any) -> bool:
    """Wait until a file is there."""
    options = FileExists.of(watcher.options())
    path = options.path or ""

    def look(seconds: float) -> None:
        os.stat(path)

    return await wait_until(look, options, path)
