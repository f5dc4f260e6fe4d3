"""The ``circusd`` program: loads what it consists of, then runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusd`` and return its exit code: 0 for a normal end, 1 when it cannot start (2: a bad command line)."""
    # Nothing of what is imported goes away: to look through it again and again takes an eighth of the time to start.
    gc.disable()
    try:
        from circus_core.cli._circusd import main as run  # noqa: PLC0415  # after that

        return run(argv)
    finally:
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())
