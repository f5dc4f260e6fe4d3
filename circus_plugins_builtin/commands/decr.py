"""The ``decr`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._resizing import format_resized, resize


@dataclass(frozen=True, slots=True)
class DecrArgs:
    """Arguments of ``decr``."""

    name: str = arg(doc="name of the watcher")
    nb: int = arg(1, doc="how many processes to take away")
    waiting: bool = arg(False, doc="reply when they are gone, with the new number")


class Decr(Command[DecrArgs]):
    """Take processes away from a watcher.

    The oldest go, gracefully; less than none is none. Replies ``numprocesses``, the new number, when waited for.
    A singleton keeps its one process: the reply has ``singleton`` then, and comes at once.
    """

    name = "decr"
    args_type = DecrArgs

    async def execute(self, arbiter: ArbiterHandle, args: DecrArgs) -> Reply:
        return await resize(arbiter.watcher(args.name), -args.nb, waiting=args.waiting)

    def format_reply(self, reply: Reply) -> str:
        return format_resized(reply)
