"""The ``status`` command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply, WatcherHandle, WatcherReport
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._losses import output_lost
from circus_plugins_builtin.commands._program import program
from circus_plugins_builtin.commands._text import duration


@dataclass(frozen=True, slots=True)
class StatusArgs:
    """Arguments of ``status``."""

    name: str | None = arg(None, doc="name of a watcher; all by default")
    long: bool = arg(False, doc="tell since when, why it stopped, the last exit, the next try")


class Status(Command[StatusArgs]):
    """Show the state of a watcher, or of all.

    The states are ``active``, ``starting``, ``stopping`` and ``stopped``. Replies ``statuses``, name to state, or with
    a name ``status``, the state, which stands in place of ``ok``. With ``long`` there is ``watchers`` too, name to
    ``state since numprocesses processes reason last_exit last_error retries next_try restarts output_lost
    output_errors``; times are Unix times. When an arbiter died and another one took over there is ``recovered``: the
    ``count``, ``time`` of the last one, ``reason``. ``keeper_replaced`` tells the same of the keeper. When there was an
    ``upgrade`` there is ``upgraded``: the ``count``, ``time`` of the last one, ``version`` and ``python`` that serve,
    ``previous`` with those before. When output was lost there is ``output_lost``, name to bytes.
    """

    name = "status"
    args_type = StatusArgs
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: StatusArgs) -> Reply:
        if args.name is not None:
            watchers = [arbiter.watcher(args.name)]
            reply: Reply = {"status": watchers[0].state.value}
        else:
            watchers = list(arbiter.watchers())
            reply = {"statuses": {watcher.name: watcher.state.value for watcher in watchers}}
        if lost := output_lost(watchers):
            reply["output_lost"] = lost
        if arbiter.recovery.count:
            reply["recovered"] = asdict(arbiter.recovery)
        if arbiter.keeper_replacements.count:
            reply["keeper_replaced"] = asdict(arbiter.keeper_replacements)
        if arbiter.last_upgrade.count:
            reply["upgraded"] = {**program(), **asdict(arbiter.last_upgrade)}
        if args.long:
            reply["watchers"] = {watcher.name: _as_json(watcher) for watcher in watchers}
        return reply

    def format_reply(self, reply: Reply) -> str:
        if "watchers" in reply:
            now = reply.get("time", time.time())
            return "\n".join(line for name in sorted(reply["watchers"]) for line in _lines(name, reply, now))
        if "statuses" in reply:
            return "\n".join(f"{name}: {state}" for name, state in sorted(reply["statuses"].items()))
        return str(reply["status"])

    def format_error(self, reply: Reply) -> str:
        return "error"  # scripts compare it


def _as_json(watcher: WatcherHandle) -> dict[str, Any]:
    report = watcher.report()
    values = {field.name: getattr(report, field.name) for field in fields(WatcherReport)}
    last_exit = None if report.last_exit is None else dict(report.last_exit)
    errors = dict(report.output_errors)
    return {**values, "state": report.state.value, "last_exit": last_exit, "output_errors": errors}


def _lines(name: str, reply: Reply, now: float) -> Iterator[str]:
    report = reply["watchers"][name]
    restarts = f", {report['restarts']} replaced" if report["restarts"] else ""
    yield (
        f"{name}: {report['state']} for {duration(now - report['since'])}, "
        f"{report['processes']} of {report['numprocesses']} processes{restarts}"
    )
    if report["reason"]:
        yield f"    stopped because: {report['reason']}"
    if last := report["last_exit"]:
        how = _exit_words(last["exit_code"])
        yield f"    last exit: pid {last['pid']} (wid {last['wid']}) {how}, {duration(now - last['time'])} ago"
    if report["last_error"]:
        yield f"    last error: {report['last_error']}"
    for stream, error in report.get("output_errors", {}).items():
        yield f"    {stream} fails: {error}"
    if report.get("output_lost"):
        yield f"    output lost: {report['output_lost']} bytes"
    if report["next_try"] is not None:
        yield f"    next try: in {max(0.0, report['next_try'] - now):.1f}s, after {report['retries']} failed"


def _exit_words(code: int | None) -> str:
    if code is None:
        return "with an exit code that nobody could tell"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
