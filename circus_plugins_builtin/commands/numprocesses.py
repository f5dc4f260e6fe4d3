"""The ``numprocesses`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class NumProcessesArgs:
    """Arguments of ``numprocesses``."""

    name: str | None = arg(None, doc="name of a watcher; all by default")


class NumProcesses(Command[NumProcessesArgs]):
    """Count the processes that there are.

    Replies ``numprocesses`` and, with a name, ``watcher_name``.
    """

    name = "numprocesses"
    args_type = NumProcessesArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: NumProcessesArgs) -> Reply:
        if args.name is None:
            return {"numprocesses": sum(len(watcher.processes()) for watcher in arbiter.watchers())}
        return {"numprocesses": len(arbiter.watcher(args.name).processes()), "watcher_name": args.name}

    def format_reply(self, reply: Reply) -> str:
        return str(reply["numprocesses"])
