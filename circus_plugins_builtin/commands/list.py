"""The ``list`` command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply, WatcherHandle
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ListArgs:
    """Arguments of ``list``."""

    name: str | None = arg(None, doc="name of a watcher")
    long: bool = arg(False, doc="tell slot, pid, start and state of each process")


class List(Command[ListArgs]):
    """List the watchers, or the pids of one.

    Replies ``watchers``, the names in lower case, sorted; or with a name ``pids``. With ``long`` there is ``processes``
    too, name to a list of ``wid pid started state``; the name is as it was given to the watcher, ``started`` a Unix
    time.
    """

    name = "list"
    args_type = ListArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: ListArgs) -> Reply:
        if args.name is None:
            watchers = list(arbiter.watchers())
            reply: Reply = {"watchers": sorted(watcher.name.lower() for watcher in watchers)}
        else:
            watchers = [arbiter.watcher(args.name)]
            reply = {"pids": watchers[0].pids()}
        if args.long:
            reply["processes"] = {watcher.name: _processes(watcher) for watcher in watchers}
        return reply

    def format_reply(self, reply: Reply) -> str:
        if "processes" in reply:
            return "\n".join(_lines(reply["processes"]))
        return ",".join(map(str, reply["watchers"] if "watchers" in reply else reply["pids"]))


def _processes(watcher: WatcherHandle) -> list[dict[str, Any]]:
    return [
        {"wid": view.wid, "pid": view.pid, "started": view.started, "state": view.state.value}
        for view in watcher.processes()
    ]


def _lines(processes: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    for name, found in sorted(processes.items()):
        yield f"{name}:"
        for process in found:
            yield f"    wid {process['wid']}: pid {process['pid']}, {process['state']}"
