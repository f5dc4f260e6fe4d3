"""The ``add`` command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken, pids


@dataclass(frozen=True, slots=True)
class AddArgs:
    """Arguments of ``add``."""

    name: str = arg(doc="name of the new watcher")
    cmd: str = arg(doc="command line of its processes", takes=Takes.REST)
    args: Any = arg(None, doc="words to add to the command line: a list or a string", takes=Takes.HIDDEN)
    options: Any = arg(None, doc="its other options by name", takes=Takes.HIDDEN)
    start: bool = arg(False, doc="start it at once")
    waiting: bool = arg(False, doc="reply when it runs, with the pids")


class Add(Command[AddArgs]):
    """Add a watcher.

    It is stopped, unless it is to be started at once, and lasts until ``rm``, or until the daemon ends or reads its
    configuration file anew. Its environment is empty but for what ``options`` say. Replies ``started`` and ``kept``,
    lists of pids, when started and waited for.
    """

    name = "add"
    args_type = AddArgs

    async def execute(self, arbiter: ArbiterHandle, args: AddArgs) -> Reply:
        if not args.name.strip():
            raise MessageError("message invalid: 'name' is empty; send the name of the new watcher")
        options = {} if args.options is None else args.options
        if not isinstance(options, Mapping):
            raise MessageError("'options' property should be an object")
        _check_owner(arbiter, options.get("uid"))
        config = arbiter.parse_watcher(args.name, args.cmd, args.args, options)
        change = arbiter.add_watcher(config, start=args.start)
        if not (args.waiting and args.start):
            return {}
        outcome = await change
        return pids(outcome, "started", "kept") | overtaken(outcome)


def _check_owner(arbiter: ArbiterHandle, uid: object) -> None:
    """Let whom the endpoint was given to run programs as nobody but themselves."""
    owner = arbiter.config.endpoint_owner
    if owner is not None and arbiter.endpoint.startswith("ipc://") and uid != owner:
        raise MessageError("uid does not match endpoint_owner")
