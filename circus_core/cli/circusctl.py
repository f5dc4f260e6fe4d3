"""The ``circusctl`` program: loads what it consists of, then runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Final

_SELDOM: Final = 100_000  #: objects between two collections: one command makes fewer


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circusctl`` with *argv* and return its exit code.

    It is 0 when all went well and for any reply with ``--json``, 1 for what went wrong here, 2 for an unknown command
    or option, 3 for an error reply.
    """
    gc.set_threshold(_SELDOM)
    from circus_core.cli._circusctl import main as run  # noqa: PLC0415  # after that

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
