"""The ``upgrade`` command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from circus_core.arguments import Takes, arg
from circus_core.interfaces import ArbiterHandle, Command, Reply, Terminal
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.commands._program import program

_MARGIN = 15.0  #: seconds, beside those of the new arbiter, that ``circusctl`` waits for the reply


@dataclass(frozen=True, slots=True)
class UpgradeArgs:
    """Arguments of ``upgrade``."""

    python: str | None = arg(None, doc="the interpreter, or its virtual environment", takes=Takes.OPTION)
    timeout: float = arg(30.0, doc="seconds that the new version has until it serves", takes=Takes.OPTION)


class Upgrade(Command[UpgradeArgs]):
    """Put a new version of circus in the place of the running one.

    What is installed now takes over, or what another interpreter has. No process is touched, no socket closed, no
    output lost. The new version starts beside the running one, reads what that has stored and shows that it can go on
    from there; only then the running one lets go. When the new one fails at any step, the running one goes on, and the
    error tells why. The reply comes when it is done: ``version`` and ``python`` that serve now, ``previous`` with
    those before, and ``upgrades``, how many there were. It needs the keeper.
    """

    name = "upgrade"
    args_type = UpgradeArgs

    def parse_words(self, words: Sequence[str]) -> UpgradeArgs:
        args = super().parse_words(words)
        if args.python is not None and os.sep in args.python:  # from where circusd runs it may be another one
            return replace(args, python=os.path.abspath(args.python))
        return args

    async def execute(self, arbiter: ArbiterHandle, args: UpgradeArgs) -> Reply:
        upgrade = await arbiter.upgrade(args.python, timeout=args.timeout)
        previous = {} if upgrade.previous is None else program(upgrade.previous)
        return {**program(), "previous": previous, "upgrades": upgrade.count}

    def format_reply(self, reply: Reply) -> str:
        previous = reply["previous"]
        was = f" (was {previous['version']} on {previous['python']})" if previous else ""
        return f"circus {reply['version']} on {reply['python']}{was}"

    def run(self, terminal: Terminal, args: UpgradeArgs) -> int:
        terminal.call("dstats", {})  # who is not there is not waited for that long
        terminal.timeout = max(terminal.timeout, args.timeout + _MARGIN)
        return super().run(terminal, args)
