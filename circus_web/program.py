"""The ``circushttpd`` program, which says so when what it needs is not installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from circus_web.dependencies import missing, remedy, why_not


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circushttpd`` and return its exit code; see :func:`circus_web.cli.main`."""
    if names := missing():
        print(f"{why_not(names)}; {remedy(names)}", file=sys.stderr)
        return 1
    from circus_web.cli import main as run  # noqa: PLC0415 - needs what may be missing

    return run(argv)
