"""Whatever the stream, and while it rotates: each line arrives once, whole and in order."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from circus_core.output import Pump
from tests.soak.conftest import Scale
from tests.support.output import Child
from tests.support.streams import STREAMS

MB = 1_000_000

# Writes lines of many lengths, many at a time, cut anywhere.
WRITER = """
import os, sys
name, size = sys.argv[1].encode(), int(sys.argv[2])
n, data = 0, b""
while size > 0:
    while len(data) < 10007 and size > 0:
        line = b"%s %d %s\\n" % (name, n, b"x" * (n * 7919 % 211))
        n, size, data = n + 1, size - len(line), data + line
    data = data[os.write(1, data[:10007]):]
while data:
    data = data[os.write(1, data):]
"""


def expected(writers: int, size: int) -> dict[bytes, str]:
    """Return a digest of what each writer writes."""
    digests = {}
    for name in map(b"%d".__mod__, range(writers)):
        digest, n, left = hashlib.sha256(), 0, size
        while left > 0:
            line = b"%d %s\n" % (n, b"x" * (n * 7919 % 211))
            digest.update(line)
            n, left = n + 1, left - len(line) - len(name) - 1
        digests[name] = digest.hexdigest()
    return digests


def seen(lines: Iterable[bytes]) -> dict[bytes, str]:
    """Return a digest of what came of each writer."""
    digests: defaultdict[bytes, Any] = defaultdict(hashlib.sha256)
    for line in lines:
        writer, _, rest = line.partition(b" ")
        digests[writer].update(rest + b"\n")
    return {writer: digest.hexdigest() for writer, digest in digests.items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("writers", "size"), [pytest.param(1, 256 * MB, id="1"), pytest.param(20, 10 * MB, id="20")])
@pytest.mark.parametrize("name", STREAMS)
def test_what_is_written_arrives(name: str, writers: int, size: int, tmp_path: Path, scale: Scale) -> None:
    size = scale(size)
    pump = Pump()
    pump.start()
    with STREAMS[name](tmp_path, writers * size // 30) as (stream, read):
        target = pump.target(stream, name=name)
        children = [Child(pump, target, WRITER, str(n), str(size), wid=n + 1) for n in range(writers)]
        for child in children:
            child.finish()
        pump.stop(60)

        assert seen(read()) == expected(writers, size)
        assert pump.stats().lost == {}
