"""An arbiter's end of the connection, with a keeper that says what a real one never does."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from circus_core.errors import KeeperError
from circus_core.keeper.wire import VERSION
from circus_core.keeper_link import KeeperLink
from circus_core.keeper_spawner import KeeperSpawner
from tests.support.fake_keeper import PID, Answer, FakeKeeper
from tests.support.spawners import Harness, request
from tests.support.waiting import wait_for

Make = Callable[..., tuple[FakeKeeper, KeeperLink]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Returns a keeper with such answers, and an arbiter's link with it."""
    with ExitStack() as opened:

        def make(**answers: Answer) -> tuple[FakeKeeper, KeeperLink]:
            keeper = FakeKeeper(**answers)
            link = KeeperLink(keeper.sock, ["arbiter"])
            opened.callback(keeper.end)
            opened.callback(link.close)
            return keeper, link

        yield make


def harness_of(link: KeeperLink) -> Harness:
    link.greet()
    return Harness(lambda: KeeperSpawner(link))


def test_it_is_greeted(make: Make) -> None:
    keeper, link = make()

    assert link.greet()["role"] == "first"
    assert keeper.heard == [("hello", VERSION, ["arbiter"])]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(("welcome", 9, {"pid": 1}), "the keeper speaks version 9 of its protocol", id="version"),
        pytest.param(b"CK\x09\0", "version 9 of the keeper's protocol", id="version-of-the-frame"),
        pytest.param(b"hello", "no message of the keeper's protocol", id="junk"),
        pytest.param(b"CK\x02\0\xff", "no message", id="junk-in-a-frame"),
        pytest.param(b"CK\x02\x01", "a long message without its body", id="no-body"),
        pytest.param(("welcome", "1", {}), "message with wrong fields", id="wrong-field"),
        pytest.param(("hello", 1, []), "unknown message", id="what-only-an-arbiter-says"),
    ],
)
def test_what_is_wrong_is_told(make: Make, said: tuple[object, ...] | bytes, why: str) -> None:
    _, link = make(hello=lambda *_: [said])

    with pytest.raises(KeeperError, match=why):
        link.greet()


def test_one_that_ends_is_told(make: Make) -> None:
    keeper, link = make(hello=lambda *_: [])
    keeper.end()

    with pytest.raises(KeeperError, match="no 'welcome' from the keeper"):
        link.greet()


def test_one_that_is_silent_is_told(make: Make) -> None:
    _, link = make(hello=lambda *_: [])
    link.introduce()

    with pytest.raises(KeeperError, match=r"the other side is silent for 0\.1 s"):
        link.expect("welcome", 0.1)


def test_what_it_holds_comes_in_pages(make: Make) -> None:
    pages = {"": ({"a": b"1", "b": b"2"}, True), "b": ({"c": b"3"}, False)}
    _, link = make(list_states=lambda after: [("states", *pages[after])])
    link.greet()

    assert link.load().states == {"a": b"1", "b": b"2", "c": b"3"}


def test_why_it_cannot_start_a_process_is_told(make: Make) -> None:
    _, link = make(spawn=lambda common, starts: [("failed", starts[0][0], "exec", errno.EACCES)])
    harness = harness_of(link)

    assert "ermission denied" in harness.failure(request("sleep", "1")).error
    harness.close()


def test_an_answer_that_comes_twice_counts_once(make: Make) -> None:
    twice = [("spawned", [(1, number, PID, 1.0, False)]) for number in (7, 8)]
    keeper, link = make(spawn=lambda common, starts: [*twice, ("failed", 99, "exec", 2)])
    harness = harness_of(link)

    (spawned,) = harness.spawn(request("sleep", "1"))

    assert (spawned.child, spawned.pid) == (7, PID)
    keeper.say(("exits", [(7, 3), (7, 4), (12, 0)]))
    assert harness.wait_for_exits([spawned]) == [3]
    wait_for(lambda: harness.run_for_a_turn() or ("acknowledge", 12) in keeper.heard, "what nobody knows to be dropped")
    assert [exited.exit_code for batch in harness.batches for exited in batch] == [3]
    harness.close()


def test_it_is_answered_while_nothing_else_happens(make: Make) -> None:
    keeper, link = make()
    harness = harness_of(link)

    keeper.say(("ping",))

    wait_for(lambda: harness.run_for_a_turn() or ("pong",) in keeper.heard, "pong")
    harness.close()


@pytest.mark.parametrize("said", [b"junk", b"CK\x02\0("], ids=["junk", "junk-in-a-frame"])
def test_one_that_is_not_understood_is_lost(make: Make, said: bytes) -> None:
    keeper, link = make()
    harness = harness_of(link)
    lost: list[bool] = []
    link.on_lost = lambda: lost.append(True)

    keeper.say(said)

    wait_for(lambda: harness.run_for_a_turn() or lost, "it to be given up")
    assert link.is_lost
    harness.close()
