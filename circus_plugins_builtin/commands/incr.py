"""The ``incr`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._resizing import format_resized, resize


@dataclass(frozen=True, slots=True)
class IncrArgs:
    """Arguments of ``incr``."""

    name: str = arg(doc="name of the watcher")
    nb: int = arg(1, doc="how many processes to add")
    waiting: bool = arg(False, doc="reply when they run, with the new number")


class Incr(Command[IncrArgs]):
    """Add processes to a watcher.

    Of a watcher that is stopped only the number changes. Replies ``numprocesses``, the new number, when waited for.
    A singleton keeps its one process: the reply has ``singleton`` then, and comes at once.
    """

    name = "incr"
    args_type = IncrArgs

    async def execute(self, arbiter: ArbiterHandle, args: IncrArgs) -> Reply:
        return await resize(arbiter.watcher(args.name), args.nb, waiting=args.waiting)

    def format_reply(self, reply: Reply) -> str:
        return format_resized(reply)
