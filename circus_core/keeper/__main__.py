"""The program of the keeper: ``python -I -S -E __main__.py CHANNEL PID IS_CHILD SOFT HARD [WORDS...]``.

*WORDS* are there to be seen in the list of processes.
"""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType


def find_package() -> None:
    """Let the modules of the keeper be imported, and nothing else of ours: not even what the package itself imports."""
    here = os.path.dirname(os.path.abspath(__file__))
    package = ModuleType("circus_core")
    package.__path__ = [os.path.dirname(here)]
    sys.modules["circus_core"] = package


def main(words: list[str]) -> int:
    """Keep the children of the arbiter that *words* tell of, and return the exit code."""
    from circus_core.keeper.descriptors import make_room  # noqa: PLC0415  # can be found only now
    from circus_core.keeper.keeper import Keeper  # noqa: PLC0415
    from circus_core.keeper.system import socket  # noqa: PLC0415

    channel, pid, is_child, soft, hard = (int(word) for word in words[:5])
    os.set_inheritable(channel, False)
    make_room()
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write("circusd")
    except OSError:  # only a name
        pass
    keeper = Keeper(socket.socket(fileno=channel), pid, (soft, hard), is_child=bool(is_child))
    # Nothing here makes cycles; a collection would only copy pages that are shared with children.
    gc.collect()
    gc.freeze()
    gc.disable()
    return keeper.run()


if __name__ == "__main__":
    find_package()
    sys.exit(main(sys.argv[1:]))
