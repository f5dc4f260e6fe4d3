"""Commands that only the daemon has, built from what it tells of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from circus_core.arguments import Property
from circus_core.errors import CommandError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.usage import parse_words

_ENVELOPE: Final = ("status", "time", "id", "superseded_by")


class RemoteCommand(Command[Mapping[str, Any]]):
    """A command whose messages are known, and nothing else of it."""

    schema: ClassVar[tuple[Property, ...]]

    @property
    def properties(self) -> tuple[Property, ...]:
        return self.schema

    def parse_words(self, words: Sequence[str]) -> Mapping[str, Any]:
        return parse_words(self.schema, words)

    async def execute(self, arbiter: ArbiterHandle, args: Mapping[str, Any]) -> Reply:
        raise CommandError(f"{self.name!r} is installed in another daemon")

    def format_reply(self, reply: Reply) -> str:
        own = {key: value for key, value in reply.items() if key not in _ENVELOPE}
        return "\n".join(f"{key}: {_text(value)}" for key, value in own.items()) or "ok"


def describe(reply: Reply, name: str) -> RemoteCommand | None:
    """Return the command called *name* as a reply to ``commands`` tells it; ``None`` when it does not."""
    for row in reply.get("commands") or ():
        if row["name"] == name:
            schema = tuple(Property.from_json(prop) for prop in row["properties"])
            members = {"name": name, "__doc__": row["doc"], "schema": schema}
            command: RemoteCommand = type("LearntCommand", (RemoteCommand,), members)()
            return command
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
