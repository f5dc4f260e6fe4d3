"""Has the daemon run ``circushttpd`` when ``httpd`` is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from circus_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from circus_core.config import Config
    from circus_core.errors import OptionError
    from circus_core.options import SocketConfig, WatcherConfig


@hookimpl
def circus_companions(config: Config, endpoint: str) -> Sequence[WatcherConfig | SocketConfig | OptionError] | None:
    """Return the watcher that runs the console, and its socket."""
    if not config.circus.httpd:
        return None
    from circus_web.companion import companions  # noqa: PLC0415  # every start of a daemon pays for what stands above

    return companions(config.circus, endpoint)
