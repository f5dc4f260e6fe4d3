"""The terminal that commands are handed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any

from circus_core.cli import _events
from circus_core.cli._options import Options
from circus_core.client import CircusClient
from circus_core.errors import CallError
from circus_core.interfaces import Command, Reply
from circus_core.protocol import make_message


def _connect(options: Options) -> CircusClient:
    return CircusClient(
        endpoint=options.endpoint, ssh_server=options.ssh or None, ssh_keyfile=options.ssh_keyfile or None
    )


class ConsoleTerminal:
    """Talks to the daemon over one connection, made when it is first needed, and to the person.

    :param connect: makes the connection
    """

    def __init__(self, options: Options, connect: Callable[[Options], CircusClient] = _connect) -> None:
        self.endpoint = options.endpoint
        self.timeout = options.timeout
        self.is_json = options.json
        self.ssh = options.ssh  #: the server that the endpoint is seen from, when it is not this machine
        self._options = options
        self._connect = connect
        self._client: CircusClient | None = None

    def call(self, command: str, properties: Mapping[str, Any], *, timeout: float | None = None) -> Reply:
        """Send a command and return the whole reply, an error reply too.

        :raises CallError: no reply in time
        """
        if self._client is None:
            self._client = self._connect(self._options)
        self._client.timeout = (timeout or self.timeout) * 1000
        return self._client.call(make_message(command, **properties))

    def send_and_show(self, command: Command[Any], args: Any) -> int:
        """Send *command*, show its reply and return the exit code."""
        reply = self.call(command.name, args if isinstance(args, Mapping) else _given(args))
        if self.is_json:
            self.show(self._as_json(reply))
            return 0
        if reply.get("status") == "error":
            self.complain(command.format_error(reply))
            return 3
        self.show(_text(command, reply))
        if "superseded_by" in reply:
            self.complain(f"note: overtaken by a later {reply['superseded_by']!r}")
        return 0

    def events(self, topics: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """Yield topic and JSON text of each event whose topic starts with one of *topics*, without end.

        :raises CallError: the endpoint cannot be used
        """
        return _events.events(self._options, topics, on_doubt=self.complain)

    def show(self, text: str) -> None:
        """Print a line on standard output."""
        print(text, flush=True)

    def show_error(self, text: str) -> None:
        """Print ``error: <text>`` on standard error."""
        self.complain(f"error: {text}")

    def complain(self, text: str) -> None:
        """Print a line on standard error."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        if self._client is not None:
            self._client.stop()
            self._client = None

    def _as_json(self, reply: Reply) -> str:
        if not self._options.prettify:
            return json.dumps(reply)
        text = json.dumps(reply, indent=2, sort_keys=True)
        return _coloured(text) if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def _text(command: Command[Any], reply: Reply) -> str:
    try:
        return command.format_reply(reply)
    # A command may be anybody's, and the daemon of another version.
    except Exception as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise CallError(f"the reply to {command.name!r} cannot be shown ({why}); --json shows it as it is") from exc


def _given(args: Any) -> dict[str, Any]:
    """Return the arguments that differ from their defaults."""
    given = {}
    for field in fields(args):
        value = getattr(args, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if default is MISSING or value != default:
            given[field.name] = value
    return given


def _coloured(text: str) -> str:
    try:
        pygments, lexers, formatters = map(import_module, ("pygments", "pygments.lexers", "pygments.formatters"))
    except ImportError:
        return text
    return str(pygments.highlight(text, lexers.JsonLexer(), formatters.TerminalFormatter())).rstrip("\n")
