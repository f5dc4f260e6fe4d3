"""The ``console-link`` command."""

from __future__ import annotations

import re
from typing import Any

from circus_core.errors import CallError
from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply, Terminal
from circus_web.register import ConsoleRecord, Register, RegisterError, default_folder


class ConsoleLink(Command[NoArgs]):
    """Print a link that lets you into the web console.

    It works once, within an hour. Links are made for the consoles that run as the daemon's user on its machine;
    without a daemon, for those of your own. Replies ``links``: ``url`` of the console, and ``link``, ``null`` for one
    that asks for a password.
    """

    name = "console-link"

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        return {"links": _links(arbiter.endpoint)}

    def run(self, terminal: Terminal, args: NoArgs) -> int:
        if terminal.is_json:
            return terminal.send_and_show(self, args)
        try:
            reply = terminal.call(self.name, {})
            links = reply.get("links") or []
        except CallError:
            links = []
        links = links or _links(None)
        if not links:
            terminal.show_error(
                "no web console runs; start one with `circushttpd`, or have circusd do it with [circus] httpd = True"
            )
            return 1
        for found in links:
            terminal.show(found["link"] or f"{found['url']} asks for its password")
        return 0

    def format_reply(self, reply: Reply) -> str:
        return "\n".join(found["link"] or found["url"] for found in reply["links"])


def _links(endpoint: str | None) -> list[dict[str, Any]]:
    """Return links to the consoles that look at *endpoint*, or to all."""
    try:
        register = Register(default_folder())
    except RegisterError:
        return []
    consoles = [one for one in register.running() if endpoint is None or _reached(endpoint) in one.endpoints]
    return [{"url": one.url, "link": _link(register, one)} for one in consoles]


def _reached(endpoint: str) -> str:
    """Return *endpoint* as a console on this machine connects to it."""
    return re.sub(r"^tcp://(\*|0\.0\.0\.0):", "tcp://127.0.0.1:", endpoint).replace("tcp://[::]:", "tcp://[::1]:")


def _link(register: Register, console: ConsoleRecord) -> str | None:
    if console.has_password:
        return None
    token = register.make_token(console.audience)
    return token if console.url.startswith("unix:") else f"{console.url}login?token={token}"
