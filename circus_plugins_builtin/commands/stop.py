"""The ``stop`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken


@dataclass(frozen=True, slots=True)
class StopArgs:
    """Arguments of ``stop``."""

    name: str | None = arg(None, doc="name of watchers to match; all by default")
    match: str = arg("glob", doc="how the name matches: glob, regex or simple", takes=Takes.OPTION)
    waiting: bool = arg(False, doc="reply when they are stopped")


class Stop(Command[StopArgs]):
    """Stop watchers.

    All at the same time, those of plugins and statistics too when no name is given; the daemon stays.
    Replies ``info``, which is null, when exactly one watcher matched and was waited for.
    """

    name = "stop"
    args_type = StopArgs

    async def execute(self, arbiter: ArbiterHandle, args: StopArgs) -> Reply:
        watchers = None if args.name is None else arbiter.matching(args.name, args.match)
        is_one = watchers is not None and len(watchers) == 1
        change = watchers[0].stop() if watchers and is_one else arbiter.stop_watchers(watchers)
        if not args.waiting:
            return {}
        outcome = await change
        info = {"info": None} if is_one else {}
        return {**info, **overtaken(outcome)}
