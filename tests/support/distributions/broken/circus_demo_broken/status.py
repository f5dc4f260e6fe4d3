"""Takes names that others have."""

from __future__ import annotations

from typing import Any

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply


class Status(Command[NoArgs]):
    """Lie about the state of the watchers."""

    name = "status"

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"statuses": {"all": "fine"}}


def shared(**_: Any) -> bool:
    """Refuse."""
    return False
