"""The ``list`` command."""

from __future__ import annotations

from dataclasses import dataclass

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply


@dataclass(frozen=True, slots=True)
class ListArgs:
    """Arguments of ``list``."""

    name: str | None = arg(None, doc="name of a watcher")


class List(Command[ListArgs]):
    """List the watchers, or the pids of one.

    Replies ``watchers``, the names in lower case, sorted; or with a name ``pids``.
    """

    name = "list"
    args_type = ListArgs
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: ListArgs) -> Reply:
        if args.name is None:
            return {"watchers": sorted(watcher.name.lower() for watcher in arbiter.watchers())}
        return {"pids": [view.pid for view in arbiter.watcher(args.name).processes()]}

    def format_reply(self, reply: Reply) -> str:
        return ",".join(map(str, reply["watchers"] if "watchers" in reply else reply["pids"]))
