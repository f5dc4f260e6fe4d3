"""The ``start`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken, pids


@dataclass(frozen=True, slots=True)
class StartArgs:
    """Arguments of ``start``."""

    name: str | None = arg(None, doc="name of watchers to match; all that start by themselves by default")
    match: str = arg("glob", doc="how the name matches: glob, regex or simple", takes=Takes.OPTION)
    waiting: bool = arg(False, doc="reply when they run, with the pids when it is one watcher")


class Start(Command[StartArgs]):
    """Start watchers.

    Several start by priority, but those with ``autostart`` off; one that is named alone starts whatever it has.
    Replies ``info`` with ``started`` and ``kept``, lists of pids, when exactly one watcher matched and was waited for.
    """

    name = "start"
    args_type = StartArgs

    async def execute(self, arbiter: ArbiterHandle, args: StartArgs) -> Reply:
        watchers = None if args.name is None else arbiter.matching(args.name, args.match)
        is_one = watchers is not None and len(watchers) == 1
        change = watchers[0].start() if watchers and is_one else arbiter.start_watchers(watchers)
        if not args.waiting:
            return {}
        outcome = await change
        info = {"info": pids(outcome, "started", "kept")} if is_one else {}
        return {**info, **overtaken(outcome)}
