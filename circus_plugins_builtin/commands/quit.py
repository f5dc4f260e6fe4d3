"""The ``quit`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken


@dataclass(frozen=True, slots=True)
class QuitArgs:
    """Arguments of ``quit``."""

    waiting: bool = arg(False, doc="reply when all watchers are stopped")


class Quit(Command[QuitArgs]):
    """Stop all watchers, then the daemon."""

    name = "quit"
    args_type = QuitArgs

    async def execute(self, arbiter: ArbiterHandle, args: QuitArgs) -> Reply:
        change = arbiter.quit()
        return overtaken(await change) if args.waiting else {}
