"""The ``stats`` command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circus_core.arguments import arg
from circus_core.errors import MessageError
from circus_core.interfaces import ArbiterHandle, Command, ProcessView, Reply, WatcherHandle
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._figures import figures_lines
from circus_plugins_builtin.commands._losses import output_lost


@dataclass(frozen=True, slots=True)
class StatsArgs:
    """Arguments of ``stats``."""

    name: str | None = arg(None, doc="name of a watcher; all by default")
    process: int | None = arg(None, doc="pid of one of its processes", flag="pid")
    extended: bool = arg(False, doc="let the watcher's extended_stats hook add its figures")


class Stats(Command[StatsArgs]):
    """Show the figures of processes.

    Replies ``infos``, watcher to pid to process-info object, or with a name ``name`` and ``info``, pid to object, or
    with a process too ``process`` and ``info``, the object. Pids in keys are strings. What cannot be read is ``N/A``;
    a process that has just gone has a sentence for its object. When output was lost there is ``output_lost``, watcher
    to bytes.
    """

    name = "stats"
    args_type = StatsArgs
    reads_only = True

    async def execute(self, arbiter: ArbiterHandle, args: StatsArgs) -> Reply:
        if args.name is None:
            if args.process is not None:
                raise MessageError("message invalid 'name' is missing; 'process' is a pid of the watcher named so")
            return {"infos": await _all_figures(arbiter), **_with_losses(arbiter.watchers())}
        watcher = arbiter.watcher(args.name)
        views = watcher.processes()
        if args.process is not None:
            views = [view for view in views if view.pid == args.process]
            if not views:
                raise MessageError(f"process {args.process} not found in {args.name!r}")
        infos = await _figures(arbiter, views)
        if args.extended:
            await _extend(watcher, infos)
        if args.process is not None:
            return {"process": args.process, "info": infos[str(args.process)]}
        return {"name": args.name, "info": infos, **_with_losses([watcher])}

    def format_reply(self, reply: Reply) -> str:
        if "process" in reply:
            return "\n".join(figures_lines(reply["process"], reply["info"])) + "\n"
        infos = reply["infos"] if "infos" in reply else {reply["name"]: reply["info"]}
        lines = [line for name, of_watcher in infos.items() for line in _watcher_lines(name, of_watcher)]
        lost = (f"{name}: {size} bytes of output lost" for name, size in reply.get("output_lost", {}).items())
        return "\n".join([*lines, *lost])


async def _all_figures(arbiter: ArbiterHandle) -> dict[str, dict[str, Any]]:
    views = {watcher.name: watcher.processes() for watcher in arbiter.watchers()}
    infos = await _figures(arbiter, [view for of_watcher in views.values() for view in of_watcher])
    return {name: {str(view.pid): infos[str(view.pid)] for view in of_watcher} for name, of_watcher in views.items()}


async def _figures(arbiter: ArbiterHandle, views: Sequence[ProcessView]) -> dict[str, Any]:
    infos = await arbiter.process_info([view.pid for view in views])
    return {str(view.pid): _with_slot(infos[view.pid], view) for view in views}


def _with_slot(info: dict[str, Any] | str, view: ProcessView) -> dict[str, Any] | str:
    return info if isinstance(info, str) else {**info, "started": view.started, "wid": view.wid}


async def _extend(watcher: WatcherHandle, infos: dict[str, Any]) -> None:
    for pid, info in infos.items():
        if isinstance(info, dict):
            await watcher.extend_stats(int(pid), info)


def _with_losses(watchers: Sequence[WatcherHandle]) -> Reply:
    lost = output_lost(watchers)
    return {"output_lost": lost} if lost else {}


def _watcher_lines(name: str, infos: dict[str, Any]) -> list[str]:
    return [f"{name}:", *(line for pid, info in infos.items() for line in figures_lines(pid, info))]
