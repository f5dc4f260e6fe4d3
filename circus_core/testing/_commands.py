"""Commands, run without a daemon."""

from __future__ import annotations

import asyncio
from typing import Any

from circus_core._execution import settled
from circus_core.arguments import parse_properties
from circus_core.interfaces import ArbiterHandle, Command, Reply


def run_command(command: Command[Any], arbiter: ArbiterHandle, **properties: Any) -> Reply:
    """Return the reply of *command* to a message with *properties*, which are checked as the daemon checks them.

    :raises CommandError: becomes an error reply
    """
    return asyncio.run(settled(command.execute(arbiter, parse_properties(command.args_type, properties))))
