"""What circusd does with descriptors at its start, then children; prints one JSON object.

Takes the number of a descriptor that it was born with.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from circus_core._descriptors import mark_inherited_cloexec, open_fds, raise_nofile_limit
from circus_core.direct import DirectSpawner
from circus_core.spawner import OpenFd, Spawned, SpawnRequest, Stdio, StoredFd

TELL = "ulimit -Sn; cd /proc/$$/fd; for fd in *; do echo $fd; done"


async def main(inherited: int) -> dict[str, Any]:
    born_fds = open_fds()
    mark_inherited_cloexec()
    born = raise_nofile_limit()
    spawner = DirectSpawner(closes_fds=False, born_nofile=born)
    await spawner.open(lambda exits: None)
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]
    number = spawner.store_fd("null", many[0])

    async def tell(fds: Mapping[int, StoredFd | OpenFd], **fields: Any) -> list[str]:
        env = {"PATH": "/bin"}
        request = SpawnRequest(argv=("bash", "-c", TELL), env=env, fds=fds, stdout=Stdio.PIPE, **fields)
        (answer,) = await spawner.spawn([request])
        assert isinstance(answer, Spawned), answer
        assert answer.stdout is not None
        os.set_blocking(answer.stdout, True)
        with open(answer.stdout) as file:
            return await asyncio.to_thread(file.read().split)

    result = {
        "born": born,
        "inherited": inherited in born_fds,
        "number": number,
        "plain": await tell({}),
        "stored": await tell({number: StoredFd("null")}),
        "moved": await tell({9: OpenFd(many[-1])}),
        "beyond": await tell({180: OpenFd(many[-1])}),
        "exact": await tell({9: OpenFd(many[-1])}, umask=0o22),
        "ours": raise_nofile_limit(),
    }
    await spawner.close()
    return result


print(json.dumps(asyncio.run(main(int(sys.argv[1])))))
