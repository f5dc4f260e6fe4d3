"""The ``ipython`` command."""

from __future__ import annotations

from importlib.util import find_spec

from circus_core.interfaces import ArbiterHandle, Command, NoArgs, Reply, Terminal


class IPython(Command[NoArgs]):
    """Open a shell inside the daemon: not offered, the reply says why.

    A kernel in the daemon would share the thread that supervises. Replies ``shell``, always false, and ``msg``.
    """

    name = "ipython"

    async def execute(self, arbiter: ArbiterHandle, args: NoArgs) -> Reply:
        if find_spec("IPython") is None:
            return {"shell": False, "msg": "No module named 'IPython'"}
        return {"shell": False, "msg": "a shell would hold up supervision; look inside with py-spy or a debugger"}

    def run(self, terminal: Terminal, args: NoArgs) -> int:
        if terminal.is_json:
            return terminal.send_and_show(self, args)
        reply = terminal.call(self.name, {})
        terminal.show_error(f"Could not start ipython kernel: {reply.get('msg') or reply.get('reason')}")
        return 0
