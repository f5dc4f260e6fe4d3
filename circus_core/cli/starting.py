"""What the command ``circusd`` calls: the program, loaded without collecting garbage."""

from __future__ import annotations

import gc


def circusd() -> int:
    """Run ``circusd`` and return its exit code.

    What it loads stays, so looking for garbage in it is in vain, and a twentieth of the time to the first process. It
    is looked for again once the daemon serves.
    """
    gc.disable()
    from circus_core.cli.circusd import main  # noqa: PLC0415

    return main()
