"""The newest output of all processes: what is kept, for how long, who is told."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from circus_core.output.rings import Rings, WatcherRings
from circus_core.output.targets import Source


def rings_of(rings: Rings, name: str, capacity: int = 65536) -> WatcherRings:
    of_watcher = rings.of(name)
    of_watcher.resize(capacity)
    return of_watcher


def say(to: WatcherRings, text: str, *, wid: int = 1, pid: int = 101, name: str = "stdout") -> None:
    to.put(Source(to.name, wid, pid, name), memoryview(text.encode()))


def texts(chunks: Iterable[object]) -> str:
    return "".join(chunk.data.decode() for chunk in chunks)  # type: ignore[attr-defined]


@pytest.fixture
def rings() -> Rings:
    """Rings of two watchers: ``web`` with two slots, ``db`` with one."""
    rings = Rings()
    web, db = rings_of(rings, "Web"), rings_of(rings, "db")
    say(web, "1\n2\n")
    say(db, "3\n", wid=1, pid=301)
    say(web, "4\n5\n", wid=2, pid=102, name="stderr")
    say(web, "6\n", pid=103)
    return rings


@pytest.mark.parametrize(
    ("sources", "lines", "expected"),
    [
        pytest.param([("web", None, None), ("db", None, None)], 100, "1 2 3 4 5 6", id="all-in-order"),
        pytest.param([("web", None, None), ("db", None, None)], 3, "4 5 6", id="last-ones"),
        pytest.param([("web", None, None), ("db", None, None)], 2, "5 6", id="part-of-a-chunk"),
        pytest.param([("web", None, None)], 4, "2 4 5 6", id="one-watcher"),
        pytest.param([("web", 1, None)], 100, "1 2 6", id="a-slot-with-two-processes"),
        pytest.param([("web", None, 101)], 100, "1 2", id="a-process"),
        pytest.param([("web", 3, None)], 100, "", id="a-slot-that-is-not-there"),
        pytest.param([("web", None, None)], 0, "", id="none"),
        pytest.param([], 100, "", id="nobody"),
    ],
)
def test_last_lines(rings: Rings, sources: list[tuple[str, int | None, int | None]], lines: int, expected: str) -> None:
    excerpt = rings.last([(rings.of(name), wid, pid) for name, wid, pid in sources], lines)

    assert texts(excerpt.chunks).split() == expected.split()
    assert (excerpt.number, excerpt.gaps) == (4, ())


def test_a_chunk_tells_its_origin(rings: Rings) -> None:
    chunk = rings.last([(rings.of("web"), 2, None)], 1).chunks[0]

    assert (chunk.data, chunk.watcher, chunk.wid, chunk.pid, chunk.name) == (b"5\n", "Web", 2, 102, "stderr")


def test_what_came_after_a_number_is_read_page_by_page(rings: Rings) -> None:
    wanted = [(rings.of("web"), None, None), (rings.of("db"), None, None)]
    number, pages = 0, []
    while chunks := (page := rings.after(wanted, number, 2)).chunks:
        pages.append(texts(chunks).split())
        number = page.number

    assert pages == [["1", "2"], ["3", "4", "5"], ["6"]]
    assert number == 4


def test_who_comes_too_late_is_told_of_the_gap() -> None:
    rings = Rings()
    web = rings_of(rings, "web", capacity=16)
    say(web, "1234567\n")
    number = rings.last([(web, None, None)], 1).number
    for _ in range(3):
        say(web, "7654321\n")

    page = rings.after([(web, None, None)], number, 100)

    assert texts(page.chunks) == "7654321\n" * 2
    assert page.gaps == (("web", 1),)
    assert rings.after([(web, None, None)], page.number, 100).gaps == ()


def test_what_came_at_once_and_does_not_fit_is_a_gap() -> None:
    rings = Rings()
    web = rings_of(rings, "web", capacity=16)
    say(web, "1\n")
    number = rings.last([(web, None, None)], 1).number
    say(web, "1234567\n" * 3)

    page = rings.after([(web, None, None)], number, 100)

    assert (texts(page.chunks), page.gaps) == ("1234567\n" * 2, (("web", 1),))
    assert rings.after([(web, None, None)], page.number, 100).gaps == ()


def test_the_budget_holds_and_is_shared_fairly() -> None:
    rings = Rings(budget=100_000)
    watchers = [rings_of(rings, f"w{n}") for n in range(10)]
    for _ in range(60):
        say(watchers[0], "x" * 999 + "\n")
    assert len(rings.last([(watchers[0], None, None)], 1000).chunks) == 60  # one alone may have much

    for _ in range(60):
        for watcher in watchers:
            say(watcher, "x" * 999 + "\n")

    counts = [len(rings.last([(watcher, None, None)], 1000).chunks) for watcher in watchers]
    assert 6 <= min(counts) <= max(counts) <= 12
    assert rings._cost == sum(ring.cost for watcher in watchers for ring in watcher.slots.values()) <= 100_000


def test_nothing_is_kept_without_a_capacity() -> None:
    rings = Rings()
    web = rings_of(rings, "web", capacity=0)
    say(web, "x\n")
    assert web.slots == {}

    web.resize(100)
    say(web, "y\n")
    assert texts(rings.last([(web, None, None)], 9).chunks) == "y\n"

    web.resize(0)
    assert (web.slots, rings._cost, rings._count) == ({}, 0, 0)


def test_a_watcher_that_is_gone_is_forgotten_with_what_still_comes(rings: Rings) -> None:
    old = rings.of("web")
    rings.drop("WEB")
    say(old, "late\n")

    new = rings.of("web")
    assert new is not old
    assert rings.last([(new, None, None)], 100).chunks == ()
    assert (old.slots, rings._count) == ({}, 1)


def test_only_the_watchers_of_a_new_configuration_are_kept(rings: Rings) -> None:
    rings.keep_only(["DB", "new"])

    assert texts(rings.last([(rings.of("db"), None, None)], 9).chunks) == "3\n"
    assert rings.last([(rings.of("web"), None, None)], 9).chunks == ()


class Calls:
    """Counts calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_who_waits_is_called_once_when_it_matters(rings: Rings) -> None:
    web, db, call = rings.of("web"), rings.of("db"), Calls()
    rings.notify(call, [(web, 2, None), (db, None, 301)], 4)

    say(web, "another slot\n", wid=1)
    say(db, "another process\n", pid=302)
    assert call.count == 0

    say(web, "wanted\n", wid=2)
    say(web, "wanted\n", wid=2)
    assert call.count == 1


def test_who_waits_for_what_is_there_already_is_called_at_once(rings: Rings) -> None:
    call = Calls()
    rings.notify(call, [(rings.of("web"), None, None)], 3)
    assert call.count == 1


def test_who_waits_can_be_forgotten_or_woken(rings: Rings) -> None:
    web, first, second = rings.of("web"), Calls(), Calls()
    rings.notify(first, [(web, None, None)], 4)
    rings.notify(second, [(web, None, None)], 4)
    rings.forget(first)

    rings.wake()
    say(web, "x\n")

    assert (first.count, second.count) == (0, 1)
