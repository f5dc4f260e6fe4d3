"""The ``signal`` command."""

from __future__ import annotations

from circus_core.arguments import Takes, arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._signals import to_signum


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalArgs:
    """Arguments of ``signal``."""

    name: str = arg(doc="name of the watcher")
    pid: int | None = arg(None, doc="pid of one of its processes; all by default")
    signum: int | str = arg(doc="name or number of the signal")
    childpid: int | None = arg(None, doc="pid of a child of that process", takes=Takes.OPTION, aliases=("child_pid",))
    children: bool = arg(False, doc="signal the children of the processes instead")
    recursive: bool = arg(False, doc="signal the processes, then all their descendants")


class Signal(Command[SignalArgs]):
    """Send a signal to processes of a watcher.

    A pid that is none of the watcher's does nothing. No ``kill`` event is published, and nobody waits for an end.
    """

    name = "signal"
    args_type = SignalArgs

    def execute(self, arbiter: ArbiterHandle, args: SignalArgs) -> Reply:
        watcher = arbiter.watcher(args.name)
        if args.childpid is not None and args.pid is None:
            raise MessageError("cannot specify childpid without pid")
        watcher.signal(
            to_signum(args.signum),
            args.pid,
            childpid=args.childpid,
            children=args.children,
            recursive=args.recursive,
        )
        return {}
