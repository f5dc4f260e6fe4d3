"""The ``dstats`` command."""

from __future__ import annotations

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply
from circus_plugins_builtin.commands._figures import figures_line
from circus_plugins_builtin.commands._program import program


class Dstats(Command[NoArgs]):
    """Show the figures of the daemon itself.

    Replies ``info``, the process-info object of the daemon; ``children`` is empty, since its children are processes
    of the watchers, which ``stats`` shows. ``version`` is that of circus, ``python`` the interpreter that runs it.
    """

    name = "dstats"
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        info = (await arbiter.process_info([arbiter.pid], with_children=False))[arbiter.pid]
        return {"info": {**info, "children": []} if isinstance(info, dict) else info, **program()}

    def format_reply(self, reply: Reply) -> str:
        info = reply["info"]
        lines = ["Main Process:", f"    {figures_line(info)}"]
        children = info.get("children") if isinstance(info, dict) else None
        if children:
            lines += ["Children:", *(f"    {figures_line(child)}" for child in children)]
        return "\n".join(lines)
