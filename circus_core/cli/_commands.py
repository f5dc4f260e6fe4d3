"""The commands that ``circusctl`` knows: installed here, or known to the daemon."""

from __future__ import annotations

import difflib
import inspect
from typing import Any, Final

from circus_core.cli._remote import describe
from circus_core.cli._terminal import ConsoleTerminal
from circus_core.errors import CallError, ExtensionError, UsageError
from circus_core.interfaces import Command
from circus_core.registry import Group, Registry
from circus_core.usage import argument_lines, columns

HELP: Final = "help"  #: what a person asks for help with; no command can have the name
_LEARN_TIMEOUT: Final = 1.0  #: seconds; who mistyped a command does not wait long for a daemon that is not there


class CommandSet:
    """Finds commands by name, loading only the one asked for."""

    def __init__(self, registry: Registry, terminal: ConsoleTerminal) -> None:
        self._registry = registry
        self._terminal = terminal

    def names(self) -> list[str]:
        """Return the names of the commands installed here, sorted."""
        return self._registry.command_names()

    def get(self, name: str) -> Command[Any]:
        """Return the command called *name*, asking the daemon when it is not installed here.

        :raises UsageError: nobody knows it
        :raises ExtensionError: it is installed here, and broken; or nothing is installed here
        """
        known = self.names()
        if self._registry.has(Group.COMMANDS, name.lower()):
            return self._registry.command(name.lower())
        why = ""
        try:
            command = describe(self._terminal.call("commands", {}, timeout=_LEARN_TIMEOUT), name.lower())
        except CallError:
            command = None
            why = f"; not installed here, and {self._terminal.endpoint} could not be asked"
        if command is not None:
            return command
        if not known:
            raise ExtensionError("; ".join(self._registry.missing()) + why)
        near = difflib.get_close_matches(name.lower(), known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; circusctl --help lists the commands"
        raise UsageError(f"unrecognized arguments: {name}{why}{hint}", exit_code=2)

    def overview(self) -> list[str]:
        """Return a line for each command installed here: its name, the first line of its help."""
        names = self.names()
        return columns((name, self._summary(name)) for name in names) if names else self._registry.missing()

    def _summary(self, name: str) -> str:
        try:
            return help_text(self._registry.command(name)).partition("\n")[0]
        except ExtensionError as exc:
            return f"(broken: {exc})"


def help_text(command: Command[Any]) -> str:
    """Return a command's help, as its author wrote it."""
    return inspect.cleandoc(command.__doc__ or command.name)


def usage_text(command: Command[Any]) -> str:
    """Return how a command is written, with what each of its words means."""
    lines = [f"usage: circusctl [options] {command.name} {command.usage}".rstrip()]
    arguments = argument_lines(command.properties)
    return "\n".join([*lines, "", *arguments] if arguments else lines)
