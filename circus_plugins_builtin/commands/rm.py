"""The ``rm`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken


@dataclass(frozen=True, slots=True)
class RmArgs:
    """Arguments of ``rm``."""

    name: str = arg(doc="name of the watcher")
    nostop: bool = arg(False, doc="leave its processes running, with nobody to watch them")
    waiting: bool = arg(False, doc="reply when its processes are gone")


class Rm(Command[RmArgs]):
    """Remove a watcher.

    It vanishes from all listings at once, then its processes stop.
    """

    name = "rm"
    args_type = RmArgs

    async def execute(self, arbiter: ArbiterHandle, args: RmArgs) -> Reply:
        change = arbiter.remove_watcher(args.name, stop=not args.nostop)
        return overtaken(await change) if args.waiting else {}
