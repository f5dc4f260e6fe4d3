"""The ``commands`` command."""

from __future__ import annotations

import inspect
from typing import Any

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply
from circus_plugins_builtin.commands._text import table


class Commands(Command[NoArgs]):
    """List the commands that the daemon has.

    Replies ``commands``: ``name``, ``doc`` (the whole text), ``usage``, ``reads_only`` and ``properties``, the schema
    of its messages. Clients learn from it the commands that only the daemon has.
    """

    name = "commands"
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"commands": [_as_json(command) for _, command in sorted(arbiter.commands().items())]}

    def format_reply(self, reply: Reply) -> str:
        return table((row["name"], row["doc"].partition("\n")[0]) for row in reply["commands"])


def _as_json(command: Command[Any]) -> dict[str, Any]:
    return {
        "name": command.name,
        "doc": inspect.cleandoc(type(command).__doc__ or ""),
        "usage": command.usage,
        "reads_only": command.reads_only,
        "properties": [prop.as_json() for prop in command.properties],
    }
