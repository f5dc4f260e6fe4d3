"""The ``restart`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken, pids


@dataclass(frozen=True, slots=True)
class RestartArgs:
    """Arguments of ``restart``."""

    name: str | None = arg(None, doc="name of watchers to match; the daemon itself by default")
    match: str = arg("glob", doc="how the name matches: glob, regex or simple", takes=Takes.OPTION)
    waiting: bool = arg(False, doc="reply when it is done, with the pids when it is one watcher")


class Restart(Command[RestartArgs]):
    """Restart watchers, or the daemon.

    A watcher stops, then starts. Without a name the daemon stops everything, reads its configuration file anew and
    starts again with the same pid; the reply comes when all is stopped, and the endpoint is back a moment later.
    Replies ``info`` with ``stopped``, ``started`` and ``kept``, lists of pids, when exactly one watcher matched and was
    waited for.
    """

    name = "restart"
    args_type = RestartArgs

    async def execute(self, arbiter: ArbiterHandle, args: RestartArgs) -> Reply:
        watchers = [] if args.name is None else arbiter.matching(args.name, args.match)
        if not watchers:
            change = await arbiter.restart()
        elif len(watchers) == 1:
            change = watchers[0].restart()
        else:
            change = arbiter.restart_watchers(watchers)
        if not args.waiting:
            return {}
        outcome = await change
        info = {"info": pids(outcome, "stopped", "started", "kept")} if len(watchers) == 1 else {}
        return {**info, **overtaken(outcome)}
