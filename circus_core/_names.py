"""Names that one section of a configuration has for another."""

from __future__ import annotations

from collections.abc import Sequence

from circus_core._report import Report
from circus_core.command_line import names_a_socket
from circus_core.options import CircusConfig, SocketConfig, WatcherConfig
from circus_core.values import hint


def check_names(
    report: Report, circus: CircusConfig, watchers: Sequence[WatcherConfig], sockets: Sequence[SocketConfig]
) -> None:
    """Note each name of something that is not there, and each that is taken."""
    known = tuple(config.name for config in sockets)
    reserved = {"circusd-stats": circus.statsd, "circushttpd": circus.httpd}
    for config in watchers:
        section = f"watcher:{config.name}"
        if reserved.get(config.name.lower()) or config.name.lower().startswith("plugin:"):
            report.error(section, "", "", why="has a name that circusd uses itself", fix="rename it")
        named = [("stdin_socket", config.stdin_socket)] if config.stdin_socket else []
        named += [("listen_fds", name) for name in config.listen_fds or ()]
        for option, name in named:
            if name.lower() not in known:
                near = hint(name, known)
                fix = f"add [socket:{name}]{near}"
                report.error(section, option, name, why="no section defines this socket", fix=fix)
        for name in sorted(names_a_socket(config) - set(known)):
            why = f"no section defines this socket{hint(name, known)}"
            report.warn(section, "cmd", f"$(circus.sockets.{name}) stays as it is, {why}")
