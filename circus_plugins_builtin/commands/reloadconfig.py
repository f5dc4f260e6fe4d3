"""The ``reloadconfig`` command."""

from __future__ import annotations

from typing import Any

from circus_core.arguments import arg
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._outcomes import overtaken


@dataclass(frozen=True, slots=True)
class ReloadConfigArgs:
    """Arguments of ``reloadconfig``."""

    dry_run: bool = arg(False, doc="change nothing; show what would", flag="dry-run")
    waiting: bool = arg(False, doc="reply when it is done")


class ReloadConfig(Command[ReloadConfigArgs]):
    """Read the configuration file anew.

    Only what differs is touched; a file with an error is refused whole, and nothing changes. Replies to a dry run
    ``steps``: ``what`` (``watcher:NAME`` or ``socket:NAME``), ``action`` (``keep``, ``change``, ``restart``, ``add`` or
    ``remove``), ``options`` that differ and ``pids`` that it costs; and ``restarts_daemon``, the options of
    ``[circus]`` that need the whole daemon to restart.
    """

    name = "reloadconfig"
    args_type = ReloadConfigArgs

    async def execute(self, arbiter: ArbiterHandle, args: ReloadConfigArgs) -> Reply:
        if args.dry_run:
            plan = await arbiter.plan_reload()
            steps = [
                {"what": s.what, "action": s.action, "options": list(s.options), "pids": list(s.pids)}
                for s in plan.steps
            ]
            return {"steps": steps, "restarts_daemon": list(plan.restarts_daemon)}
        change = await arbiter.reload_config()
        return overtaken(await change) if args.waiting else {}

    def format_reply(self, reply: Reply) -> str:
        if "steps" not in reply:
            return "ok"
        daemon = reply.get("restarts_daemon")
        lines = [f"restart the daemon: [circus] {', '.join(daemon)} changed"] if daemon else []
        return "\n".join(lines + [_line(step) for step in reply["steps"]]) or "nothing to do"


_WORDS = {"change": "hot change"}


def _line(step: dict[str, Any]) -> str:
    options = f" ({', '.join(step['options'])})" if step["options"] else ""
    costs = f", pids {', '.join(map(str, step['pids']))}" if step["pids"] else ""
    return f"{_WORDS.get(step['action'], step['action'])} {step['what']}{options}{costs}"
