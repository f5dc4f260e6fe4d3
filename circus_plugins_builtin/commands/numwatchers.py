"""The ``numwatchers`` command."""

from __future__ import annotations

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply


class NumWatchers(Command[NoArgs]):
    """Count the watchers.

    Replies ``numwatchers``; those of plugins, statistics and the web console count too.
    """

    name = "numwatchers"
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"numwatchers": len(arbiter.watchers())}

    def format_reply(self, reply: Reply) -> str:
        return str(reply["numwatchers"])
