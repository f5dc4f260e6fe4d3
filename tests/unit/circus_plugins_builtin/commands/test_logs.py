"""The ``logs`` command: whose output it asks for, what it replies, how the terminal shows and follows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from circus_core.arguments import parse_properties
from circus_core.errors import MessageError, UnknownWatcherError
from circus_core.interfaces import Chunk, Command, OutputPage, OutputSource, Reply
from circus_core.options import StreamConfig
from circus_plugins_builtin.commands.logs import Logs, LogsArgs
from tests.support.fake_arbiter import FakeArbiter, FakeWatcher

FILE = StreamConfig("FileStream", {"filename": "/tmp/x"})


@pytest.fixture
def arbiter() -> FakeArbiter:
    """An arbiter with a watcher whose output is kept, and two of which it is not."""
    arbiter = FakeArbiter(
        FakeWatcher("Web", pids=[12, 11], stdout_stream=FILE),
        FakeWatcher("plain", pids=[21]),
        FakeWatcher("off", stdout_stream=FILE, log_ring=0),
        FakeWatcher("plugin:x", pids=[31], close_child_stdout=True, close_child_stderr=True),
        FakeWatcher("7", stdout_stream=FILE),
    )
    arbiter.page = OutputPage(
        chunks=(
            Chunk(b"one\ntw\xff\n", 12, "stdout", "Web", 1, 10.5),
            Chunk(b"no end", 11, "stderr", "Web", 2, 11.0),
        ),
        cursor="ab.3",
    )
    return arbiter


def run(arbiter: FakeArbiter, **properties: Any) -> Reply:
    return asyncio.run(Logs().execute(arbiter, parse_properties(LogsArgs, properties)))


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        pytest.param(["web"], [OutputSource("Web")], id="watcher"),
        pytest.param(["web:2"], [OutputSource("Web", wid=2)], id="slot"),
        pytest.param(["11"], [OutputSource("Web", pid=11)], id="pid"),
        pytest.param(["7"], [OutputSource("7")], id="a-name-comes-before-a-pid"),
        pytest.param(["web:2", "7"], [OutputSource("Web", wid=2), OutputSource("7")], id="several"),
        pytest.param([], [OutputSource(n) for n in ("Web", "plain", "off", "plugin:x", "7")], id="all"),
    ],
)
def test_names(arbiter: FakeArbiter, names: list[str], sources: list[OutputSource]) -> None:
    reply = run(arbiter, names=names, lines=5)

    assert arbiter.calls == [("read_output", sources, {"lines": 5, "after": None, "wait": 0.0})]
    assert "unkept" not in reply


@pytest.mark.parametrize("name", ["nobody", "web:x", "99", "nobody:1", ""])
def test_an_unknown_name_is_refused(arbiter: FakeArbiter, name: str) -> None:
    with pytest.raises(UnknownWatcherError):
        run(arbiter, names=[name])


def test_reply(arbiter: FakeArbiter) -> None:
    first = {"time": 10.5, "watcher": "Web", "wid": 1, "pid": 12, "stream": "stdout"}
    assert run(arbiter) == {
        "lines": [
            {**first, "message": "one"},
            {**first, "message": "tw\ufffd"},
            {"time": 11.0, "watcher": "Web", "wid": 2, "pid": 11, "stream": "stderr", "message": "no end"},
        ],
        "cursor": "ab.3",
    }


def test_it_says_of_whom_nothing_is_kept_and_how_to_change_it(arbiter: FakeArbiter) -> None:
    remedy = "set log_ring: circusctl set {} log_ring 64K reloads it so"
    assert run(arbiter, names=["web", "plain", "off", "plugin:x"])["unkept"] == {
        "plain": f"its output is not kept, it has no stream and goes to circusd's own; {remedy.format('plain')}",
        "off": f"its output is not kept, log_ring is 0; {remedy.format('off')}",
        "plugin:x": "it has no output: close_child_stdout and close_child_stderr are set",
    }
    with pytest.raises(MessageError, match="plain: its output is not kept"):
        run(arbiter, names=["plain"])
    assert arbiter.calls[1:] == []


def test_gaps_are_told(arbiter: FakeArbiter) -> None:
    arbiter.page = OutputPage(chunks=(), cursor="ab.9", gaps=(("Web", 2),))
    assert run(arbiter, after="ab.3", wait=2) == {"lines": [], "cursor": "ab.9", "gaps": [["Web", 2]]}
    assert arbiter.calls[-1][2] == {"lines": 20, "after": "ab.3", "wait": 2.0}


def test_there_is_a_limit_to_one_reply(arbiter: FakeArbiter) -> None:
    run(arbiter, lines=10**9)
    assert arbiter.calls[-1][2]["lines"] == 10_000
    with pytest.raises(MessageError, match="'lines' is -1; send 0 or more"):
        run(arbiter, lines=-1)


class FakeTerminal:
    """Answers calls with replies in order, then interrupts; keeps what is shown."""

    endpoint = "ipc://x"
    timeout = 5.0
    is_json = False

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.calls: list[dict[str, Any]] = []
        self.shown: list[str] = []
        self.errors: list[str] = []

    def call(self, command: str, properties: Mapping[str, Any]) -> Reply:
        assert command == "logs"
        self.calls.append(dict(properties))
        if not self.replies:
            raise KeyboardInterrupt
        return self.replies.pop(0)

    def send_and_show(self, command: Command[Any], args: Any) -> int:
        raise AssertionError("not for this")

    def events(self, topics: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        raise AssertionError("not for this")

    def show(self, text: str) -> None:
        self.shown.append(text)

    def show_error(self, text: str) -> None:
        self.errors.append(text)


def page(*messages: str, cursor: str = "ab.3", **more: Any) -> Reply:
    origin = {"time": 1.0, "watcher": "web", "wid": 2, "pid": 11, "stream": "stdout"}
    return {"status": "ok", "lines": [{**origin, "message": text} for text in messages], "cursor": cursor, **more}


def words(text: str) -> LogsArgs:
    return Logs().parse_words(text.split())


def test_lines_are_shown_with_their_slot() -> None:
    terminal = FakeTerminal(page("one", "two"))
    assert Logs().run(terminal, words("web -n 2")) == 0
    assert terminal.shown == ["web:2 | one\nweb:2 | two"]
    assert terminal.calls == [{"names": ["web"], "lines": 2}]


def test_following_asks_for_what_came_after_until_interrupted() -> None:
    terminal = FakeTerminal(page("one"), page(cursor="ab.3"), page("two", cursor="ab.9", gaps=[["web", 2]]))
    assert Logs().run(terminal, words("web -f -n0")) == 0
    assert terminal.shown == ["web:2 | one", "web:2 | two"]
    assert terminal.errors == ["web:2: more came than is kept; some lines are missing here"]
    assert [call.get("after") for call in terminal.calls] == [None, "ab.3", "ab.3", "ab.9"]
    assert all(call["wait"] < terminal.timeout for call in terminal.calls[1:])


def test_an_error_ends_it() -> None:
    terminal = FakeTerminal(page("one"), {"status": "error", "reason": "program web not found"})
    assert Logs().run(terminal, words("web --follow")) == 3
    assert terminal.errors == ["program web not found"]


def test_json_shows_an_object_a_line() -> None:
    terminal = FakeTerminal(page("one", "two"))
    assert Logs().run(terminal, words("--json")) == 0
    assert [json.loads(line)["message"] for line in terminal.shown[0].splitlines()] == ["one", "two"]


def test_who_is_not_kept_is_told_of_beside_the_lines() -> None:
    terminal = FakeTerminal(page("one", unkept={"plain": "its output is not kept"}))
    assert Logs().run(terminal, words("web plain")) == 0
    assert terminal.errors == ["plain: its output is not kept"]
