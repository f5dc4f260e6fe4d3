"""The ``options`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._text import option_lines


@dataclass(frozen=True, slots=True)
class OptionsArgs:
    """Arguments of ``options``."""

    name: str = arg(doc="name of the watcher")


class Options(Command[OptionsArgs]):
    """Show all options of a watcher.

    Replies ``options``, name to value, with the free-form options of its section.
    """

    name = "options"
    args_type = OptionsArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: OptionsArgs) -> Reply:
        return {"options": arbiter.watcher(args.name).options()}

    def format_reply(self, reply: Reply) -> str:
        return option_lines(dict(sorted(reply["options"].items())))
