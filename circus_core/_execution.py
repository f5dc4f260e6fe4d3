"""One command, from its name and properties to what it replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any

from circus_core import protocol
from circus_core.arguments import parse_properties
from circus_core.errors import ConflictError, RefusedError
from circus_core.hooks import Hooks
from circus_core.interfaces import ArbiterHandle, Command, Reply

Veto = Callable[[Command[Any], Any], str | None]
"""Asked before a command runs; a text refuses it."""


def begin(
    arbiter: ArbiterHandle, name: str, properties: Mapping[str, Any], veto: Veto | None = None
) -> Reply | Awaitable[Reply]:
    """Do the command *name* and return the reply's own keys, or what to await for them.

    :raises CommandError: it cannot be done; raised by what is returned too
    """
    command = protocol.find_command(arbiter.commands(), name)
    args = parse_properties(command.args_type, properties)
    if arbiter.is_stopping and not command.reads_only:
        raise ConflictError("arbiter is already running arbiter_stop command")
    why = veto(command, args) if veto else None
    if why is not None:
        raise RefusedError(why)
    return command.execute(arbiter, args)


async def execute(arbiter: ArbiterHandle, name: str, properties: Mapping[str, Any], veto: Veto | None = None) -> Reply:
    """Do the command *name* and return the reply's own keys; raises what :func:`begin` raises."""
    return await settled(begin(arbiter, name, properties, veto))


async def settled(result: Reply | Awaitable[Reply]) -> Reply:
    """Return what a command replies, of what its ``execute`` returned."""
    return await result if isinstance(result, Awaitable) else result


def is_immediate(arbiter: ArbiterHandle, name: str) -> bool:
    """Return whether the command *name* is one that is done at once, without ``await``; so is an unknown one."""
    command = arbiter.commands().get(name.lower())
    return command is None or not _awaits(type(command))


@lru_cache(maxsize=1024)
def _awaits(kind: type[Command[Any]]) -> bool:
    return iscoroutinefunction(kind.execute)


def objection(hooks: Hooks, arbiter: ArbiterHandle, command: Command[Any], args: Any) -> str | None:
    """Return why an extension refuses a command."""
    if not hooks.has("circus_before_command"):
        return None
    opinions = hooks.vote("circus_before_command", arbiter=arbiter, command=command.name, args=args)
    # An extension that is broken must not let everybody in.
    return str(opinions[0]) if opinions else None
