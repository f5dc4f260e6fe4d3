"""Commands as ``circus.commands`` has them: objects that make messages, and may be written by anybody."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from circus_core import protocol
from circus_core.arguments import Takes, schema
from circus_core.errors import MessageError, UsageError
from circus_core.interfaces import Command as CoreCommand
from circus_core.registry import Registry

NOT_SPECIFIED: Final = 0
INVALID_JSON: Final = 1
UNKNOWN_COMMAND: Final = 2
MESSAGE_ERROR: Final = 3
OS_ERROR: Final = 4
COMMAND_ERROR: Final = 5
BAD_MSG_DATA_ERROR: Final = 6

_WAITING: Final = ("waiting", "waiting", False, "reply when it is done")
_known: dict[str, Command] = {}


def ok(props: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a reply that says that all is well, with more keys."""
    return {"status": "ok", "time": time.time(), **(props or {})}


def error(reason: str = "unknown", tb: str | None = None, errno: int = NOT_SPECIFIED) -> dict[str, Any]:
    """Return a reply that says what is wrong."""
    return {"status": "error", "reason": reason, "tb": tb, "time": time.time(), "errno": errno}


class Command:
    """A command of somebody else's: a subclass with a ``name`` is known to :func:`get_commands` at once.

    ``options`` are tuples of a short and a long name, a default and a help text; ``properties`` are the names of what
    a message must have.
    """

    name: ClassVar[str] = ""
    msg_type: ClassVar[str] = "dealer"
    options: ClassVar[Sequence[tuple[str, str, Any, str]]] = []
    properties: ClassVar[Sequence[str]] = []
    waiting: bool = False
    waiting_options: ClassVar[Sequence[tuple[str, str, Any, str]]] = [_WAITING]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            _known[cls.name] = cls()

    def message(self, *args: Any, **opts: Any) -> dict[str, Any]:
        """Return the message that words of a command line make.

        :raises UsageError: they make none
        """
        raise UsageError(f"command {self.name!r} takes no words; give it a message() of its own")

    def make_message(self, **props: Any) -> dict[str, Any]:
        """Return a message with *props*."""
        return protocol.make_message(self.name, **props)

    def validate(self, props: Mapping[str, Any]) -> None:
        """Look whether a message has what it must have.

        :raises MessageError: something is missing
        """
        for name in self.properties:
            if name not in props:
                raise MessageError(f"message invalid {name!r} is missing")

    def execute(self, arbiter: Any, props: Mapping[str, Any]) -> Any:
        """Do it and return the keys of the reply, or a future of them."""
        raise UsageError(f"command {self.name!r} has no execute() of its own")

    def console_msg(self, msg: Mapping[str, Any]) -> str:
        """Return what the terminal shows of a reply."""
        return "ok" if msg.get("status") == "ok" else self.console_error(msg)

    def console_error(self, msg: Mapping[str, Any]) -> str:
        """Return what the terminal shows of an error reply."""
        return f"error: {msg.get('reason')}"

    def copy(self) -> Command:
        """Return another one."""
        return copy.copy(self)

    @staticmethod
    def _get_watcher(arbiter: Any, watcher_name: str) -> Any:
        try:
            return arbiter.get_watcher(watcher_name)
        except KeyError:
            raise MessageError(f"program {watcher_name} not found") from None


class _Installed(Command):
    """A command that is found by its entry point."""

    def __init__(self, command: CoreCommand[Any]) -> None:
        self._command = command
        self.__doc__ = command.__doc__
        props = schema(command.args_type)
        self.name = command.name  # type: ignore[misc]  # each has its own
        self.properties = [prop.name for prop in props if prop.is_required]  # type: ignore[misc]
        named = [prop for prop in props if prop.takes is Takes.OPTION or prop.types == ("bool",)]
        self.options = [("", prop.flag, prop.default, prop.doc) for prop in named]  # type: ignore[misc]
        self.msg_type = "sub" if command.name == "listen" else "dealer"  # type: ignore[misc]

    def message(self, *args: Any, **opts: Any) -> dict[str, Any]:
        given = self._command.parse_words([str(arg) for arg in args])
        defaults = {prop.name: prop.default for prop in schema(self._command.args_type)}
        found = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
        props = {name: value for name, value in found.items() if value != defaults[name]}
        return self.make_message(**props, **{name: value for name, value in opts.items() if name in defaults})

    def execute(self, arbiter: Any, props: Mapping[str, Any]) -> Any:
        return arbiter.call(self.name, **props)

    def console_msg(self, msg: Mapping[str, Any]) -> str:
        is_error = msg.get("status") == "error"
        return self._command.format_error(dict(msg)) if is_error else self._command.format_reply(dict(msg))


def made() -> list[Command]:
    """Return the commands that the program has made."""
    return list(_known.values())


def get_commands() -> dict[str, Command]:
    """Return all commands by name: those that are installed, and what the program has made."""
    return {**{name: _Installed(command) for name, command in Registry().commands().items()}, **_known}
