"""A subreaper that spawns by DirectSpawner while orphans and children of its own program end around it.

Prints one JSON object: the exit codes told, what ``subprocess`` was told, the children left.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from circus_core._procfs import children
from circus_core.direct import DirectSpawner
from circus_core.spawner import Exited, Spawned, SpawnRequest

PR_SET_CHILD_SUBREAPER = 36
ENV = {"PATH": "/bin:/usr/bin"}
ORPHANING = "for n in 1 2 3 4 5; do (sleep 0.0$n; exit 9) & (exit 9) & done; exit 3"


async def main(other: subprocess.Popen[bytes]) -> dict[str, Any]:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spawner = DirectSpawner(reaps_strangers=True, closes_fds=False)
    codes: list[int | None] = []

    def on_exits(exits: Sequence[Exited]) -> None:
        codes.extend(exited.exit_code for exited in exits)

    await spawner.open(on_exits)
    requests = [SpawnRequest(argv=("sh", "-c", ORPHANING), env=ENV, umask=mask) for mask in [None] * 20 + [0o22] * 5]
    answers = await spawner.spawn(requests)
    blocked = await asyncio.to_thread(subprocess.run, ["sh", "-c", "sleep 0.1; exit 8"], check=False)
    async with asyncio.timeout(20):
        while len(codes) < len(answers) or children(os.getpid()) != [other.pid]:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.02)
    result = {
        "pid": os.getpid(),
        "spawned": sum(isinstance(answer, Spawned) for answer in answers),
        "codes": codes,
        "subprocess": blocked.returncode,
    }
    await spawner.close()
    return result


# Ended and not waited for, the first that the kernel shows: what comes behind it is to be collected all the same.
popen = subprocess.Popen(["sh", "-c", "exit 7"])
os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
print(json.dumps({**asyncio.run(main(popen)), "popen": popen.wait()}))
