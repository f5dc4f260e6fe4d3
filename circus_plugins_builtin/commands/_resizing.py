"""What ``incr`` and ``decr`` share."""

from __future__ import annotations

from circus_core.interfaces import Reply, WatcherHandle
from circus_plugins_builtin.commands._outcomes import overtaken


async def resize(watcher: WatcherHandle, by: int, *, waiting: bool) -> Reply:
    """Desire *by* processes more, and return the keys of the reply."""
    if watcher.config.singleton:
        return {"numprocesses": watcher.numprocesses, "singleton": True}
    change = watcher.resize(watcher.numprocesses + by)
    desired = watcher.numprocesses
    if not waiting:
        return {}
    return {"numprocesses": desired, **overtaken(await change)}


def format_resized(reply: Reply) -> str:
    """Return the new number, or ``ok`` when the reply did not wait for it."""
    if reply.get("singleton"):
        return "This watcher is a Singleton - not changing the number of processes"
    return str(reply.get("numprocesses", "ok"))
