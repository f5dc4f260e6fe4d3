"""The ``hello`` command."""

from __future__ import annotations

from dataclasses import dataclass

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply


@dataclass(frozen=True, slots=True)
class HelloArgs:
    """Who is greeted."""

    who: str = arg("world", doc="who is greeted")


class Hello(Command[HelloArgs]):
    """Greet somebody and tell how many watchers there are."""

    name = "hello"
    args_type = HelloArgs
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: HelloArgs) -> Reply:
        return {"greeting": f"hello {args.who}", "numwatchers": len(arbiter.watchers())}

    def format_reply(self, reply: Reply) -> str:
        return f"{reply['greeting']}, {reply['numwatchers']} watchers"
