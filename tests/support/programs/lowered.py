"""What circusd does with descriptors at its start, then children; prints one JSON object.

Takes the number of a descriptor that it was born with.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any

from circus_core._descriptors import mark_inherited_cloexec, open_fds, raise_nofile_limit
from circus_core.direct import DirectSpawner
from circus_core.spawner import OpenFd, StoredFd
from tests.support.spawners import Harness, report_request


def main(inherited: int) -> dict[str, Any]:
    born_fds = open_fds()
    mark_inherited_cloexec()
    born = raise_nofile_limit()
    harness = Harness(lambda: DirectSpawner(closes_fds=False, born_nofile=born))
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]
    number = harness.spawner.store_fd("null", many[0])
    last = OpenFd(many[-1])
    children = {
        "plain": harness.report(report_request()),
        "stored": harness.report(report_request(fds={number: StoredFd("null")})),
        "moved": harness.report(report_request(fds={9: last})),
        "beyond": harness.report(report_request(fds={180: last})),
        "exact": harness.report(report_request(fds={9: last}, umask=0o22)),
    }
    harness.close()
    return {
        "born": born,
        "ours": resource.getrlimit(resource.RLIMIT_NOFILE),
        "inherited": inherited in born_fds,
        "number": number,
        "children": {
            name: (child["limits"]["RLIMIT_NOFILE"], sorted(map(int, child["fds"]))) for name, child in children.items()
        },
    }


print(json.dumps(main(int(sys.argv[1]))))
