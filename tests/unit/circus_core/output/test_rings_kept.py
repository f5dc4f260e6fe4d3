"""Rings that another process goes on with."""

from __future__ import annotations

import pytest

from circus_core.output import Rings
from circus_core.output.targets import Source

WEB = Source("web", 1, 100, "stdout")


def shown(rings: Rings) -> list[tuple[int, bytes]]:
    return [(chunk.pid, chunk.data) for chunk in rings.last([(rings.of("web"), None, None)], 100).chunks]


def test_what_was_kept_is_there_with_its_numbers() -> None:
    before, after = Rings(), Rings()
    before.of("web").resize(1000)
    before.of("web").put(WEB, memoryview(b"one\n"))
    before.of("web").put(WEB, memoryview(b"two\n"))
    first = before.last([(before.of("web"), None, None)], 1)

    after.restore(before.dump())
    after.of("web").resize(1000)
    after.of("web").put(WEB, memoryview(b"three\n"))

    assert after.id == before.id
    assert shown(after) == [(100, b"one\n"), (100, b"two\n"), (100, b"three\n")]
    later = after.after([(after.of("web"), None, None)], first.number, 100)
    assert [chunk.data for chunk in later.chunks] == [b"three\n"]


def test_of_a_watcher_that_keeps_less_only_that_is_taken() -> None:
    before, after = Rings(), Rings()
    for name in ("web", "gone"):
        before.of(name).resize(1000)
        before.of(name).put(WEB, memoryview(b"one\ntwo\n"))

    after.restore(before.dump())
    after.of("web").resize(4)
    after.of("gone").resize(0)

    assert shown(after) == [(100, b"two\n")]
    assert after.of("gone").slots == {}


@pytest.mark.parametrize("data", [b"", b"nonsense", b"N"])
def test_what_is_nothing_of_that_kind_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no rings"):
        Rings().restore(data)
