"""The ``command_reloader`` plugin: restart a watcher when its program has changed."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tornado.ioloop import PeriodicCallback

from circus_core import command_line
from circus_core.errors import CircusError
from circus_core.machine import find_program
from circus_core.options import kinds, make_watcher_config, option
from circus_core.plugin import CircusPlugin
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.plugins._kinds import MILLISECONDS

logger: Final = logging.getLogger("circus")

_INTERPRETER: Final = re.compile(r"(python|pypy|perl|ruby|node|nodejs|php|lua|bash|dash|zsh|sh)[\d.]*")

Seen = dict[str, float]
"""Real path of each file to the time of its last change."""


@dataclass(frozen=True, kw_only=True)
class CommandReloaderOptions:
    """Options of :class:`CommandReloader`."""

    loop_rate: int = option(kinds.whole(1), 1, "Time between two looks.", unit="s")


class CommandReloader(CircusPlugin):
    """Restart a watcher when its program, or the script that its interpreter runs, is another file or has changed.

    The program is the first word of ``cmd``, looked up in ``PATH`` of the watcher; behind an interpreter such as
    ``python`` or ``sh``, the first word that names a file counts too. Watchers of plugins are left out.
    """

    name = "command_reloader"
    options_type = CommandReloaderOptions

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.loop_rate: int = self.options.loop_rate
        self.cmd_files: dict[str, Seen] = {}
        self.period: PeriodicCallback | None = None

    def handle_init(self) -> None:
        self.period = PeriodicCallback(self.look_after, self.loop_rate * MILLISECONDS)
        self.period.start()

    def handle_sync(self, statuses: dict[str, str]) -> Any:
        return self.look_after()

    def handle_recv(self, data: Sequence[bytes]) -> None:
        """Take no notice of events."""

    def handle_stop(self) -> None:
        if self.period is not None:
            self.period.stop()

    async def look_after(self) -> None:
        """Restart the watchers whose files are not what they were at the last look."""
        try:
            names = (await self.call_async("status"))["statuses"]
            watchers = [name for name in names if not name.startswith("plugin:")]
            replies = {name: await self.call_async("options", name=name) for name in watchers}
        except CircusError as exc:
            logger.warning("%s: %s", self.label, exc)
            return
        known, self.cmd_files = self.cmd_files, {}
        for name, reply in replies.items():
            seen = _files(name, reply["options"]) if "options" in reply else {}
            # A program is not there for a moment while it is replaced.
            self.cmd_files[name] = seen or known.get(name, {})
            if seen and known.get(name, seen) != seen:
                logger.info("%s: %s has changed, %s is restarted", self.label, ", ".join(seen), name)
                self.cast("restart", name=name, match="simple")


def _files(name: str, options: Mapping[str, Any]) -> Seen:
    """Return the files that a watcher's command line runs, nothing when they cannot be told."""
    env, cwd = options["env"] or {}, options["working_dir"] or os.getcwd()
    try:
        config = make_watcher_config(
            name, options["cmd"], options["args"] or None, {"env": dict(env), "shell": bool(options["shell"])}
        )
        argv = command_line.build(config, 1, sockets={})
        if config.shell:
            argv = tuple(argv[2].split())
        program = os.path.join(cwd, find_program(argv[0], env, cwd))
        paths = [program, *_script(os.path.basename(program), argv[1:], cwd)]
        return {os.path.realpath(path): os.stat(path).st_mtime for path in paths}
    except (CircusError, ValueError, IndexError, OSError) as exc:
        logger.debug("%s: its files cannot be looked at: %s", name, exc)
        return {}


def _script(program: str, words: Sequence[str], cwd: str) -> list[str]:
    if not _INTERPRETER.fullmatch(program):
        return []
    paths = (os.path.join(cwd, word) for word in words if not word.startswith("-"))
    return [path for path in paths if os.path.isfile(path)][:1]
