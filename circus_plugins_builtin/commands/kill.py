"""The ``kill`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken
from circus_plugins_builtin.commands._signals import to_signum


@dataclass(frozen=True, slots=True)
class KillArgs:
    """Arguments of ``kill``."""

    name: str = arg(doc="name of the watcher")
    pid: int | None = arg(None, doc="pid of one of its processes; all by default")
    signum: int | str | None = arg(None, doc="name or number to send, not stop_signal", takes=Takes.OPTION)
    graceful_timeout: float | None = arg(None, doc="seconds before SIGKILL, not the watcher's", takes=Takes.OPTION)
    waiting: bool = arg(False, doc="reply when they are gone")


class Kill(Command[KillArgs]):
    """Kill processes of a watcher, which replaces them.

    They get the stop signal, then ``SIGKILL``. A pid that is none of the watcher's does nothing.
    """

    name = "kill"
    args_type = KillArgs

    async def execute(self, arbiter: ArbiterHandle, args: KillArgs) -> Reply:
        watcher = arbiter.watcher(args.name)
        if args.graceful_timeout is not None and args.graceful_timeout < 0:
            raise MessageError(f"message invalid: 'graceful_timeout' is {args.graceful_timeout:g}; send 0 or more")
        signum = None if args.signum is None else to_signum(args.signum)
        change = watcher.kill(args.pid, signum=signum, graceful_timeout=args.graceful_timeout)
        return overtaken(await change) if args.waiting else {}
