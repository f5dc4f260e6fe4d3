"""The ``publish`` command."""

from __future__ import annotations

import re
from typing import Any, Final

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError
from circus_core.events import Event, Published
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class PublishArgs:
    """Arguments of ``publish``."""

    name: str = arg(doc="name of the watcher that the event is about")
    action: str = arg(doc="last part of its topic: lower-case letters, digits and _")
    data: dict[str, Any] = arg({}, doc="further keys of the event", takes=Takes.HIDDEN)


class Publish(Command[PublishArgs]):
    """Publish an event about a watcher, for plugins and other clients that found something out.

    The topic is ``watcher.NAME.ACTION``; an action that the daemon itself publishes is refused.
    """

    name = "publish"
    args_type = PublishArgs
    reads_only = True  # nothing of the daemon

    def execute(self, arbiter: ArbiterHandle, args: PublishArgs) -> Reply:
        watcher = arbiter.watcher(args.name)
        if not _ACTION.fullmatch(args.action):
            raise MessageError(f"message invalid: 'action' is {args.action!r}; write lower-case letters, digits and _")
        if args.action in {kind.action for kind in Event.__subclasses__()}:
            raise MessageError(f"message invalid: 'action' {args.action!r} is an event of the daemon; choose another")
        arbiter.publish(Published(watcher=watcher.name, what=args.action, data=args.data))
        return {}
