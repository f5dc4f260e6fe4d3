"""The ``listsockets`` command."""

from __future__ import annotations

from typing import Any

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply, SocketView


class ListSockets(Command[NoArgs]):
    """List the sockets that the daemon holds.

    Replies ``sockets``, by descriptor number: ``fd``, ``name``, ``backlog`` and ``host`` and ``port``, or ``path``.
    """

    name = "listsockets"
    reads_only = True

    def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"sockets": [_as_json(view) for view in sorted(arbiter.sockets(), key=lambda view: view.fd)]}

    def format_reply(self, reply: Reply) -> str:
        return "\n".join(f"{s['fd']}:socket {s['name']!r} at {_address(s)}" for s in reply["sockets"])


def _as_json(view: SocketView) -> dict[str, Any]:
    common = {"fd": view.fd, "name": view.name, "backlog": view.backlog}
    return {**common, "path": view.path} if view.path is not None else {**common, "host": view.host, "port": view.port}


def _address(socket: dict[str, Any]) -> str:
    return str(socket["path"]) if "path" in socket else f"{socket['host']}:{socket['port']}"
