"""``circusctl``: drive a daemon from the command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from circus_core._version import __version__
from circus_core.cli import _options
from circus_core.cli._commands import HELP, CommandSet, help_text, usage_text
from circus_core.cli._terminal import ConsoleTerminal
from circus_core.errors import CallError, CallTimeoutError, CommandError, ExtensionError, UsageError
from circus_core.interfaces import Command
from circus_core.registry import Registry
from circus_core.usage import HelpRequested, UnknownOptionError


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusctl`` with *argv* and return its exit code.

    It is 0 when all went well and for any reply with ``--json``, 1 for what went wrong here, 2 for an unknown command
    or option, 3 for an error reply.
    """
    try:
        return _main(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; nothing may be written to it any more, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(argv: Sequence[str]) -> int:
    try:
        options, words = _options.parse(argv)
    except UsageError as exc:
        return _fail(f"{_options.USAGE}\ncircusctl: error: {exc}", exc.exit_code)
    if options.version:
        print(f"circusctl {__version__}")
        return 0
    if options.ssh:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or the tunnel would leave its folder
    terminal = ConsoleTerminal(options)
    app = App(CommandSet(Registry(), terminal), terminal)
    try:
        if os.environ.get("AUTO_COMPLETE"):
            return app.complete()
        if options.help:
            return app.show_help(words)
        return app.run(words) if words else app.interact()
    finally:
        terminal.close()


class App:
    """Runs commands given as words."""

    def __init__(self, commands: CommandSet, terminal: ConsoleTerminal) -> None:
        self._commands = commands
        self._terminal = terminal

    def run(self, words: Sequence[str]) -> int:
        """Run the command that *words* make, say what went wrong, and return the exit code."""
        if words[0].lower() == HELP:
            return self.show_help(words[1:])
        try:
            command = self._commands.get(words[0])
        except UsageError as exc:
            return _fail(f"{_options.USAGE}\ncircusctl: error: {exc}", exc.exit_code)
        except (CallError, ExtensionError) as exc:
            return _fail(f"error: {exc}", 1)
        try:
            return command.run(self._terminal, command.parse_words(words[1:]))
        except HelpRequested:
            self._terminal.show(usage_text(command))
            return 0
        except UsageError as exc:
            return _misused(command, exc)
        except CallTimeoutError:
            return _fail(f"Timed out.\n{self._advice()}", 1)
        except (CallError, CommandError) as exc:
            return _fail(f"error: {exc}", 1)

    def show_help(self, words: Sequence[str]) -> int:
        """Show the help of the command in *words*, or list all."""
        if not words:
            lines = [_options.USAGE, "", "Controls a Circus daemon. Without a command: an interactive shell.", ""]
            lines += ["Commands (circusctl help COMMAND tells more):", *self._commands.overview(), ""]
            self._terminal.show("\n".join([*lines, "Options, before the command:", *_options.option_lines()]))
            return 0
        try:
            command = self._commands.get(words[0])
        except UsageError as exc:
            return _fail(f"{_options.USAGE}\ncircusctl: error: {exc}", exc.exit_code)
        except ExtensionError as exc:
            return _fail(f"error: {exc}", 1)
        self._terminal.show(f"{help_text(command)}\n\n{usage_text(command)}")
        return 0

    def complete(self) -> int:
        """Print the commands that the first word of bash's ``COMP_WORDS`` may become, and return 1, as ever."""
        words = os.environ.get("COMP_WORDS", "").split()
        at = os.environ.get("COMP_CWORD", "")
        if at == "1":
            start = words[1] if len(words) > 1 else ""
            self._terminal.show(" ".join(name for name in (HELP, *self._commands.names()) if name.startswith(start)))
        return 1

    def interact(self) -> int:
        """Run the interactive shell until its input ends."""
        from circus_core.cli._shell import Shell, history  # noqa: PLC0415 - a single command does not wait for it

        self._terminal.show(f"circusctl {__version__}")
        try:
            self.run(["status"])
            with history():
                Shell(self._commands, self._terminal, self.run).cmdloop()
        except KeyboardInterrupt:
            self._terminal.show("")
        return 0

    def _advice(self) -> str:
        from circus_core.cli._diagnosis import advice  # noqa: PLC0415 - needed only after a time-out

        return advice(self._terminal.endpoint, self._terminal.timeout, self._terminal.ssh)


def _misused(command: Command[Any], error: UsageError) -> int:
    usage = f"usage: circusctl [options] {command.name} {command.usage}".rstrip()
    if error.exit_code != 2:
        return _fail(f"{error}\n{usage}" if "arguments" in str(error) else str(error), error.exit_code)
    hint = _options.misplaced(error, command.name) if isinstance(error, UnknownOptionError) else None
    return _fail(f"{usage}\ncircusctl: error: {error}" + (f"\n{hint}" if hint else ""), 2)


def _fail(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
