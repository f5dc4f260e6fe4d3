"""The ``get`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._text import option_lines


@dataclass(frozen=True, slots=True)
class GetArgs:
    """Arguments of ``get``."""

    name: str = arg(doc="name of the watcher")
    keys: list[str] = arg(doc="names of options", takes=Takes.REST)


class Get(Command[GetArgs]):
    """Show some options of a watcher.

    Replies ``options``, name to value; one unknown name and the whole command fails.
    """

    name = "get"
    args_type = GetArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: GetArgs) -> Reply:
        watcher = arbiter.watcher(args.name)
        return {"options": {str(key): watcher.option(str(key)) for key in args.keys}}

    def format_reply(self, reply: Reply) -> str:
        return option_lines(reply["options"])
