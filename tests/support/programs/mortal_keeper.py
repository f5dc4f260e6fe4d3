"""mortal_keeper.py WHEN:COUNT WORDS...: a keeper that dies at its COUNTth spawn, before it, or after it and untold."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from circus_core.keeper import __main__ as program
from circus_core.keeper import keeper

when, count = sys.argv[1].split(":")
left = [int(count)]


class Mortal(keeper.Keeper):
    """Lives until then."""

    def _spawn(self, serial, spec, fds):
        left[0] -= 1
        if when == "before" and left[0] == 0:
            os._exit(9)
        super()._spawn(serial, spec, fds)

    def _on_spawned(self, serial, child):
        if when == "after" and left[0] <= 0:
            os._exit(9)
        super()._on_spawned(serial, child)


keeper.Keeper = Mortal
if os.fork():
    os._exit(0)
sys.exit(program.main(sys.argv[2:]))
