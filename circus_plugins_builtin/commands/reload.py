"""The ``reload`` command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken, pids


@dataclass(frozen=True, slots=True)
class ReloadArgs:
    """Arguments of ``reload``."""

    name: str | None = arg(None, doc="name of a watcher; all by default")
    graceful: bool = arg(True, doc="spawn new processes before the old ones stop", takes=Takes.HIDDEN)
    terminate: bool = arg(False, doc="stop the old processes before new ones are spawned")
    sequential: bool = arg(False, doc="replace one process after the other")
    waiting: bool = arg(False, doc="reply when it is done, with the pids when it is one watcher")


class Reload(Command[ReloadArgs]):
    """Replace the processes of a watcher, or of all.

    Gracefully: new ones are spawned, then the old ones stop; a watcher with ``send_hup`` sends ``SIGHUP`` instead.
    A stopped watcher is started. Without a name log files are opened anew, then the watchers are reloaded one after the
    other by priority. Replies ``info`` with ``stopped``, ``started`` and ``kept``, lists of pids, when a watcher was
    named and waited for.
    """

    name = "reload"
    args_type = ReloadArgs

    def parse_words(self, words: Sequence[str]) -> ReloadArgs:
        args = super().parse_words(words)
        return replace(args, graceful=False, terminate=False) if args.terminate else args

    async def execute(self, arbiter: ArbiterHandle, args: ReloadArgs) -> Reply:
        graceful = args.graceful and not args.terminate
        if args.name is None:
            change = arbiter.reload_watchers(graceful=graceful, sequential=args.sequential)
        else:
            change = arbiter.watcher(args.name).reload(graceful=graceful, sequential=args.sequential)
        if not args.waiting:
            return {}
        outcome = await change
        info = {} if args.name is None else {"info": pids(outcome, "stopped", "started", "kept")}
        return {**info, **overtaken(outcome)}
