"""Turns a process into the keeper: ``python -I -S -E start.py WORDS...`` makes one that nobody is the parent of."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Final, NoReturn

_PR_SET_CHILD_SUBREAPER: Final = 36
_FLAGS: Final = ("-I", "-S", "-E")

PROGRAM: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
"""What a keeper has among the words of its command."""


def become_keeper(words: Sequence[str]) -> NoReturn:
    """Execute the keeper in this process; *words* are its arguments.

    What orphans this process inherits outlives the change of program, so the keeper needs no way to ask for it.
    """
    import ctypes  # noqa: PLC0415  # the arbiter, which was the same process, has no use for it

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, *_FLAGS, PROGRAM, *words])


def command(words: Sequence[str]) -> list[str]:
    """Return the command line that makes a keeper with the arguments *words*, and ends at once."""
    return [sys.executable, *_FLAGS, os.path.abspath(__file__), *words]


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    become_keeper(sys.argv[1:])
