"""The command line of an arbiter like this one, of another interpreter."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final

from circus_core.errors import MessageError

_MODULE: Final = "circus_core.cli.circusd"


def next_command(python: str | None, orig_argv: Sequence[str] = tuple(sys.orig_argv)) -> list[str]:
    """Return the command line of the next arbiter: this one's, or the same program of another interpreter.

    :param python: path of the interpreter, of its virtual environment, or a name on the ``PATH``
    :raises MessageError: it is none
    """
    if python is None:
        return [sys.executable, *orig_argv[1:]]
    interpreter = _interpreter(python)
    program = _program_index(orig_argv)
    words = list(orig_argv[1:])
    if orig_argv[program] == "-m":
        return [interpreter, *words]
    beside = os.path.join(os.path.dirname(interpreter), os.path.basename(orig_argv[program]))
    words[program - 1 : program] = [beside] if os.path.exists(beside) else ["-P", "-m", _MODULE]
    return [interpreter, *words]


def _program_index(orig_argv: Sequence[str]) -> int:
    """Return where in a command line of Python the program stands: a path, or ``-m``."""
    n = 1
    while n < len(orig_argv) - 1:
        word = orig_argv[n]
        if word == "-m" or not word.startswith("-"):
            break
        n += 2 if word in ("-W", "-X", "--check-hash-based-pycs") else 1
    return n


def _interpreter(python: str) -> str:
    path = os.path.join(python, "bin", "python") if os.path.isdir(python) else python
    found = path if os.sep in path else shutil.which(path)
    if found is None or not os.path.exists(found):
        raise MessageError(
            f"python = {python!r}: there is no such interpreter; "
            "write the path of one, or of a virtual environment that circus is installed in"
        )
    return os.path.abspath(found)
