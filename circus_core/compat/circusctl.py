"""The parts of ``circusctl`` that programs have used: a parser, an application, a shell."""

from __future__ import annotations

import argparse
import cmd
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from circus_core._version import __version__
from circus_core.client import CircusClient
from circus_core.compat.commands import Command
from circus_core.errors import CallError, UsageError
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER

USAGE: Final = "circusctl [options] command [args]"
VERSION: Final = f"circusctl {__version__}"


def prettify(jsonobj: Any, prettify: bool = True) -> str:
    """Return an object as JSON, sorted and indented unless *prettify* is false."""
    return json.dumps(jsonobj, indent=2, sort_keys=True) if prettify else json.dumps(jsonobj)


def parse_arguments(args: Sequence[str], commands: Mapping[str, Command]) -> dict[str, Any]:
    """Return the options of a command line by name, besides ``args``, which holds all, and ``parser``.

    :raises SystemExit: they make no sense
    """
    parser = argparse.ArgumentParser(usage=USAGE, description="Controls a Circus daemon.", add_help=False)
    parser.add_argument("--endpoint", default=DEFAULT_ENDPOINT_DEALER)
    parser.add_argument("--timeout", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--prettify", action="store_true")
    parser.add_argument("--ssh")
    parser.add_argument("--ssh_keyfile")
    parser.add_argument("--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("command", nargs="?", choices=[None, *commands], metavar="command")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    found = parser.parse_args(args)
    options = {name: value for name, value in vars(found).items() if name not in ("command", "args")}
    return {"args": found, "parser": parser, **options}


class ControllerApp:
    """Runs one command.

    :param commands: those that there are, as ``get_commands`` returns them
    :param client: sends it; by default one is made for it
    """

    def __init__(self, commands: Mapping[str, Command], client: CircusClient | None = None) -> None:
        self.commands = commands
        self.client = client

    def run(self, args: argparse.Namespace) -> int:
        """Do the command in *args*, print its reply, and return the exit code."""
        try:
            return self.dispatch(args)
        except (CallError, UsageError) as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 1

    def dispatch(self, args: argparse.Namespace) -> int:
        """Do the command in *args*.

        :raises CallError: no reply in time
        :raises UsageError: its words make no sense
        """
        command = self.commands[args.command]
        message = command.message(*args.args)
        client = self.client or CircusClient(
            endpoint=args.endpoint, timeout=args.timeout, ssh_server=args.ssh, ssh_keyfile=args.ssh_keyfile
        )
        try:
            reply = client.call(message)
        finally:
            if client is not self.client:
                client.stop()
        print(prettify(reply, args.prettify) if args.json else command.console_msg(reply))
        return 3 if reply.get("status") == "error" and not args.json else 0


class CircusCtl(cmd.Cmd):
    """A shell that sends what is typed.

    :param client: sends it
    :param commands: those that there are
    """

    prompt = "(circusctl) "

    def __init__(self, client: CircusClient | None, commands: Mapping[str, Command], *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.client = client
        self.commands = commands
        self._options: argparse.Namespace = parse_arguments([], commands)["args"]

    def default(self, line: str) -> None:
        """Do one command."""
        words = shlex.split(line)
        if words[0] not in self.commands:
            print(f"*** Unknown syntax: {line}", file=self.stdout)
            return
        args = argparse.Namespace(**{**vars(self._options), "command": words[0], "args": words[1:]})
        ControllerApp(self.commands, self.client).run(args)

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Return the commands that begin with *text*."""
        return [name for name in self.commands if name.startswith(text)]

    def do_EOF(self, line: str) -> bool:
        """Leave."""
        return True

    def start(self, globalopts: Mapping[str, Any]) -> int:
        """Read commands until the input ends.

        :param globalopts: as :func:`parse_arguments` returns them
        """
        self._options = globalopts.get("args", self._options)
        self.cmdloop()
        return 0
