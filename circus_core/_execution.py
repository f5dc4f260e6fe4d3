"""One command, from its name and properties to what it replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from circus_core import protocol
from circus_core.arguments import parse_properties
from circus_core.errors import ConflictError, RefusedError
from circus_core.hooks import Hooks
from circus_core.interfaces import ArbiterHandle, Command, Reply

Veto = Callable[[Command[Any], Any], str | None]
"""Asked before a command runs; a text refuses it."""


async def execute(arbiter: ArbiterHandle, name: str, properties: Mapping[str, Any], veto: Veto | None = None) -> Reply:
    """Do the command *name* and return the reply's own keys.

    :raises CommandError: it cannot be done
    """
    command = protocol.find_command(arbiter.commands(), name)
    args = parse_properties(command.args_type, properties)
    if arbiter.is_stopping and not command.reads_only:
        raise ConflictError("arbiter is already running arbiter_stop command")
    why = veto(command, args) if veto else None
    if why is not None:
        raise RefusedError(why)
    return await command.execute(arbiter, args)


def objection(hooks: Hooks, arbiter: ArbiterHandle, command: Command[Any], args: Any) -> str | None:
    """Return why an extension refuses a command."""
    if not hooks.has("circus_before_command"):
        return None
    opinions = hooks.vote("circus_before_command", arbiter=arbiter, command=command.name, args=args)
    # An extension that is broken must not let everybody in.
    return str(opinions[0]) if opinions else None
