"""What buttons do: each a command to the daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from circus_core import values
from circus_core.errors import MessageError
from circus_core.quick_dataclass import dataclass
from circus_web.controller import Controller

Fields = Mapping[str, str]
"""What a button sends along."""


@dataclass(frozen=True, slots=True)
class Action:
    """A command, with the properties that it takes from fields.

    :param done: what to say when it was accepted; fields stand in braces
    """

    command: str
    takes: Mapping[str, Callable[[str], Any]]
    done: str
    always: Mapping[str, Any]

    def perform(self, controller: Controller, fields: Fields) -> str:
        """Do it and return what to say.

        :raises MessageError: a field is missing or cannot be used
        :raises CommandError: the daemon refused
        :raises CallError: the daemon does not answer
        """
        props: dict[str, Any] = dict(self.always)
        for name, parse in self.takes.items():
            if name not in fields:
                raise MessageError(f"the button sent no {name!r}")
            try:
                props[name] = parse(fields[name])
            except ValueError as exc:
                raise MessageError(f"{name} = {fields[name]!r}: {exc}") from exc
        controller.call(self.command, **props)
        return self.done.format(**{name: fields[name] for name in self.takes})


def _action(command: str, done: str, takes: Mapping[str, Callable[[str], Any]], **always: Any) -> Action:
    return Action(command, takes, done, always)


_NAME: Final[Mapping[str, Callable[[str], Any]]] = {"name": str}
_PROCESS: Final[Mapping[str, Callable[[str], Any]]] = {"name": str, "pid": int}

ACTIONS: Final[Mapping[str, Action]] = {
    "start": _action("start", "{name} starts", _NAME, match="simple"),
    "stop": _action("stop", "{name} stops", _NAME, match="simple"),
    "restart": _action("restart", "{name} restarts", _NAME, match="simple"),
    "reload": _action("reload", "{name} reloads", _NAME),
    "incr": _action("incr", "one process more for {name}", _NAME),
    "decr": _action("decr", "one process less for {name}", _NAME),
    "kill": _action("kill", "process {pid} of {name} is told to end", _PROCESS),
    "signal": _action(
        "signal", "signal {signum} sent to process {pid} of {name}", {**_PROCESS, "signum": values.signal_number}
    ),
    "keep-output": _action("set", "the output of {name} is kept from now on", _NAME, options={"log_ring": "64K"}),
    "rm": _action("rm", "{name} was removed", _NAME),
    "reload-all": _action("reload", "all watchers reload", {}),
    "restart-all": _action("restart", "circusd starts everything anew", {}),
    "reloadconfig": _action("reloadconfig", "the configuration was read anew", {}),
}
"""By the word that buttons send."""
