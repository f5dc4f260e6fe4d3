"""The ``listen`` command."""

from __future__ import annotations

import json

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, Reply, Terminal
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ListenArgs:
    """Arguments of ``listen``."""

    topic: list[str] = arg([], doc="what topics start with, such as watcher.web; all by default", takes=Takes.REST)


class Listen(Command[ListenArgs]):
    """Show events as they happen, until interrupted.

    One line an event: its topic, a colon, its JSON. The endpoint may be the daemon's, which is asked for its pubsub
    endpoint, or the pubsub endpoint itself.
    """

    name = "listen"
    args_type = ListenArgs
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: ListenArgs) -> Reply:
        raise MessageError("invalid message. use a pub/sub socket")

    def run(self, terminal: Terminal, args: ListenArgs) -> int:
        try:
            for topic, text in terminal.events(args.topic):
                terminal.show(
                    json.dumps({"topic": topic, **json.loads(text)}) if terminal.is_json else f"{topic}: {text}"
                )
        except KeyboardInterrupt:
            pass
        return 0
