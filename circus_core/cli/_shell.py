"""The interactive shell of ``circusctl``."""

from __future__ import annotations

import cmd
import contextlib
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType

from circus_core.cli._commands import HELP, CommandSet, help_text
from circus_core.cli._terminal import ConsoleTerminal
from circus_core.errors import CallError, CircusError
from circus_core.usage import argument_lines

try:
    import readline
except ImportError:  # Python was built without it
    _readline: ModuleType | None = None
else:
    _readline = readline


class Shell(cmd.Cmd):
    """Reads commands line by line; a blank line repeats the last one, the end of input leaves.

    :param run: runs one command, given as words
    """

    prompt = "(circusctl) "

    def __init__(self, commands: CommandSet, terminal: ConsoleTerminal, run: Callable[[list[str]], int]) -> None:
        super().__init__()
        self._commands = commands
        self._terminal = terminal
        self._run = run

    def default(self, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as exc:
            self._terminal.complain(f"*** {exc}: {line}")
            return
        if words[0].lower() not in self._commands.names() and not self._is_learnt(words[0]):
            self._terminal.show(f"*** Unknown syntax: {line}")
            return
        self._run(words)

    def do_help(self, arg: str) -> None:
        """List the commands, or tell all about one."""
        if not arg:
            self._terminal.show("\n".join(self._commands.overview()))
            return
        try:
            self._terminal.show(help_text(self._commands.get(arg)))
        except CircusError as exc:
            self._terminal.complain(f"*** {exc}")

    def do_EOF(self, arg: str) -> bool:
        """Leave."""
        self._terminal.show("")
        return True

    def completenames(self, text: str, *ignored: object) -> list[str]:
        return [name for name in (HELP, *self._commands.names()) if name.startswith(text)]

    def completedefault(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        if text.startswith("-"):
            return self._options(line.split(maxsplit=1)[0], text)
        with contextlib.suppress(CallError):
            statuses = self._terminal.call("status", {}, timeout=1.0).get("statuses", {})
            return [shlex.quote(name) for name in sorted(statuses) if name.lower().startswith(text.lower())]
        return []

    def complete_help(self, text: str, *ignored: object) -> list[str]:
        """Complete what ``help`` takes."""
        return [name for name in self._commands.names() if name.startswith(text)]

    def _options(self, name: str, text: str) -> list[str]:
        with contextlib.suppress(CircusError):
            words = (line.split()[0] for line in argument_lines(self._commands.get(name).properties))
            return [word for word in words if word.startswith(text)]
        return []

    def _is_learnt(self, name: str) -> bool:
        with contextlib.suppress(CircusError):
            self._commands.get(name)
            return True
        return False


@contextlib.contextmanager
def history(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Have what is typed remembered from one shell to the next, where there is a place for it."""
    path = history_path(environ)
    if _readline is None or path is None:
        yield
        return
    _readline.set_completer_delims(" \t\n")
    with contextlib.suppress(OSError):
        _readline.read_history_file(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _readline.set_history_length(1000)
            _readline.write_history_file(path)


def history_path(environ: Mapping[str, str]) -> str | None:
    """Return the file in the XDG state directory, which is made when it can be; ``None`` when it cannot."""
    base = environ.get("XDG_STATE_HOME") or os.path.join(environ.get("HOME") or "/nonexistent", ".local", "state")
    folder = os.path.join(base, "circus")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return None
    return os.path.join(folder, "circusctl_history") if os.access(folder, os.W_OK) else None
