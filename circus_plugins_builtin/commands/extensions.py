"""The ``extensions`` command."""

from __future__ import annotations

from dataclasses import asdict

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply
from circus_plugins_builtin.commands._text import table


class Extensions(Command[NoArgs]):
    """List the extensions that are installed for the daemon.

    Replies ``extensions``: ``group``, ``name``, ``distribution``, ``version``, ``state`` (``loaded``, ``available``,
    ``broken`` or ``disabled``) and ``error``, which says why it is broken.
    """

    name = "extensions"
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"extensions": [asdict(info) for info in arbiter.extensions()]}

    def format_reply(self, reply: Reply) -> str:
        keys = ("group", "name", "distribution", "version", "state")
        rows = [[str(row[key]) for key in keys] + [row["error"] or ""] for row in reply["extensions"]]
        return table([[*keys, ""], *rows])
