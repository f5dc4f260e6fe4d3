"""Commands that a program wrote for ``circus.commands``, for its own arbiter."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from circus_core.arguments import arg
from circus_core.compat import commands
from circus_core.interfaces import ArbiterHandle, Reply
from circus_core.interfaces import Command as CoreCommand

if TYPE_CHECKING:
    from circus_core.compat._arbiter_face import ArbiterFace


class ProgramCommand(CoreCommand[Any]):
    """Does what an object of :class:`circus_core.compat.commands.Command` does.

    :param face: what it is given as ``arbiter``
    """

    def __init__(self, command: commands.Command, face: ArbiterFace) -> None:
        self._command = command
        self._face = face
        self.__doc__ = command.__doc__
        self.name = command.name  # type: ignore[misc]  # each has its own
        required = [(name, Any, arg(doc=name)) for name in command.properties]
        optional = [(name, Any, arg(default, doc=doc)) for _, name, default, doc in command.options]
        self.args_type = dataclasses.make_dataclass(  # type: ignore[misc]
            "Args", [*required, *optional], frozen=True, kw_only=True
        )

    async def execute(self, arbiter: ArbiterHandle, args: Any) -> Reply:
        props = {field.name: getattr(args, field.name) for field in dataclasses.fields(args)}
        self._command.validate(props)
        result = self._command.execute(self._face, props)
        return dict(await result if inspect.isawaitable(result) else result) if result else {}


def program_commands(face: ArbiterFace) -> list[CoreCommand[Any]]:
    """Return the commands that the program has made so far."""
    return [ProgramCommand(command, face) for command in commands.made()]
