"""What the command ``circusd`` calls: the program, loaded with nothing that can wait until the first process runs."""

from __future__ import annotations

import gc
from importlib.util import find_spec
from typing import Final

from circus_core.deferred import defer

_NEEDED_LATER: Final = (
    "glob",
    "ipaddress",
    "linecache",
    "locale",
    "random",
    "shlex",
    "shutil",
    "tempfile",
    "textwrap",
    "tokenize",
)
"""What errors and seldom options need."""

_TLS: Final = ("ssl", "asyncio.sslproto")
"""What asyncio imports for TLS, which circusd does not speak: and which takes a twentieth of its start."""


def circusd() -> int:
    """Run ``circusd`` and return its exit code.

    What it loads stays, so looking for garbage in it is in vain, and a twentieth of the time to the first process. It
    is looked for again once the daemon serves.
    """
    gc.disable()
    defer(*_NEEDED_LATER, is_needed=True)
    if find_spec("_ssl") is not None:  # else asyncio wants to be told that there is none
        defer(*_TLS, is_needed=False)
    from circus_core.cli.circusd import main  # noqa: PLC0415

    return main()
