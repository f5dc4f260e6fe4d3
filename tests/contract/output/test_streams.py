"""What holds for every built-in stream; that each line arrives once, whole and in order is in ``tests/soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from circus_core.interfaces import Chunk
from tests.support.streams import STREAMS


def built_in_streams() -> list[str]:
    text = Path("setup.cfg").read_text().partition("circus.streams =\n")[2].partition("[")[0]
    return [line.partition(":")[2] for line in text.split() if ":" in line]


def test_every_built_in_stream_is_tested() -> None:
    assert {name.partition("-")[0] for name in STREAMS} == set(built_in_streams())


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_closes_twice_and_opens_again(name: str, tmp_path: Path) -> None:
    with STREAMS[name](tmp_path) as (stream, read):
        for _ in range(2):
            stream.open()
            stream.write(Chunk(b"one\n", 1, "stdout", "web", 1, 1_700_000_000.0))
            stream.close()
            stream.close()

        assert list(read()) == [b"one", b"one"]
