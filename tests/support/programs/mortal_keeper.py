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

    is_dying = False

    def _spawn(self, common, starts, fds):
        if when == "before" and left[0] <= len(starts):
            self.is_dying = True
            super()._spawn(common, starts[: left[0] - 1], fds)
            os._exit(9)
        if when == "before":
            left[0] -= len(starts)
        super()._spawn(common, starts, fds)

    def _on_spawned(self, spawned):
        if when == "after":
            left[0] -= len(spawned)
            if left[0] <= 0:
                os._exit(9)
        if not self.is_dying:
            super()._on_spawned(spawned)


keeper.Keeper = Mortal
if os.fork():
    os._exit(0)
sys.exit(program.main(sys.argv[2:]))
