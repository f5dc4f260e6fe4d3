"""The ``globaloptions`` command."""

from __future__ import annotations

from circus_core.arguments import arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._text import option_lines


@dataclass(frozen=True, slots=True)
class GlobalOptionsArgs:
    """Arguments of ``globaloptions``."""

    option: str | None = arg(None, doc="name of one option; all by default", flag="key")


class GlobalOptions(Command[GlobalOptionsArgs]):
    """Show the options of the daemon.

    Replies ``options`` with ``endpoint``, ``stats_endpoint``, ``pubsub_endpoint``, ``check_delay`` and
    ``multicast_endpoint``.
    """

    name = "globaloptions"
    args_type = GlobalOptionsArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: GlobalOptionsArgs) -> Reply:
        options = {
            "endpoint": arbiter.endpoint,
            "stats_endpoint": arbiter.config.stats_endpoint,
            "pubsub_endpoint": arbiter.pubsub_endpoint,
            "check_delay": arbiter.config.check_delay,
            "multicast_endpoint": arbiter.config.multicast_endpoint,
        }
        if args.option is None:
            return {"options": options}
        if args.option not in options:
            raise MessageError(f"{args.option!r} not an existing option")
        return {"options": {args.option: options[args.option]}}

    def format_reply(self, reply: Reply) -> str:
        return option_lines(reply["options"])
