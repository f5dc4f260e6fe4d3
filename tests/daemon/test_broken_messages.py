"""Whatever is sent to the endpoint: an error that says what is wrong, and nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.flavour import Flavour
from tests.support.ini import watcher

pytestmark = pytest.mark.differs("B1: some get no reply, others a traceback")

NOT_TEXT = [0, -1, 1.5, True, None, [], ["w"], {}, {"w": 1}]
NOT_NUMBERS = ["x", "", "1x", [], [1], {}, {"n": 1}]
NAMED = ["decr", "get", "incr", "kill", "options", "reload", "restart", "rm", "set", "signal", "start", "stop", "stats"]
REQUIRED = {
    "add": ["name", "cmd"],
    "decr": ["name"],
    "get": ["name", "keys"],
    "incr": ["name"],
    "kill": ["name"],
    "options": ["name"],
    "rm": ["name"],
    "set": ["name", "options"],
    "signal": ["name", "signum"],
}
WHOLE = {
    "add": {"name": "new", "cmd": "sleep 1"},
    "get": {"name": "w", "keys": ["cmd"]},
    "set": {"name": "w", "options": {"numprocesses": 1}},
    "signal": {"name": "w", "signum": 0},
}


def message(command: object, /, **properties: object) -> bytes:
    return json.dumps({"id": "x", "command": command, "properties": properties}).encode()


def not_json() -> Iterator[bytes]:
    """Bodies that are no JSON text."""
    yield from (
        b"",
        b" ",
        b"\n\n",
        b"\0",
        b"x",
        b"{",
        b"}",
        b"[",
        b"'",
        b'"',
        b"{]",
        b"nul",
        b"tru",
        b"-",
        b"1e",
        b"0x10",
    )
    yield from (
        b'{"command": }',
        b'{"command" "list"}',
        b'{"command": "list"',
        b'{"command": "list",}',
        b"{'command': 'list'}",
    )
    yield from (
        b'{"command": "list"} {"command": "list"}',
        b'{"command": "list"}x',
        b"// x\n{}",
        b'{"command": "li\nst"}',
    )
    yield from (b"\xff\xfe\xfd", b"\x80", b'{"command": "\xff"}', b"\xc3\x28", b'"\xed\xa0\x80"', bytes(range(256)))
    yield from ('{"command": "list"}'.encode(code) for code in ("utf-16", "utf-32", "cp037"))
    yield from (
        b"\xef\xbb\xbf{",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"%s%n" * 50,
    )
    yield from (b"[" * 100, b"[" * 100_000, b'{"a":' * 100_000, b"x" * 5_000_000, b"\xf0" * 1000)


def no_command() -> Iterator[bytes]:
    """JSON that is no command."""
    for value in (None, True, False, 0, 1, -1.5, 10**30, "x", "", "list", [], [1], [[]], ["list"], {}, {"a": 1}):
        yield json.dumps(value).encode()
    yield from (
        b"1" * 10_000,
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b'{"": ""}',
        b'{"id": "x"}',
        b'{"properties": {}}',
    )
    yield from (b"[" * 900 + b"]" * 900, b'{"a":' * 300 + b"1" + b"}" * 300)
    for command in (*NOT_TEXT, 10**400, [[[]]], {"command": "list"}):
        yield message(command)


def unknown_commands() -> Iterator[bytes]:
    """Names that no command has."""
    yield from map(message, ("", " ", "zzz", "lists", "lis", "list ", " list", "list\n", "list\0", "quit;", "__init__"))
    yield from map(
        message, ("../list", "circus.list", "execute", "object", "ünïcode", "\ud800", "😀", "' or 1", "%s", "{0}")
    )
    yield from map(message, ("x" * 1000, "x" * 100_000, "<script>", "list name", '"', "\\", "\x1b[31m", "None", "null"))
    yield from map(message, ("manage_watchers", "spawn", "shell", "import os", "__class__", "get_watcher", "stop_all"))


def missing_properties() -> Iterator[bytes]:
    """Commands without what they need."""
    for command, names in REQUIRED.items():
        whole = {"name": "w", **WHOLE.get(command, {})}
        yield message(command)
        for name in names:
            yield message(command, **{key: value for key, value in whole.items() if key != name})
            yield message(command, **{**whole, name: None})


def wrong_types() -> Iterator[bytes]:
    """Properties that are of another type."""
    for command in NAMED:
        for value in (5, ["w"], {"name": "w"}, True):
            yield message(command, **{**WHOLE.get(command, {}), "name": value})
    for value in NOT_NUMBERS:
        yield message("incr", name="w", nb=value)
        yield message("decr", name="w", nb=value)
        yield message("kill", name="w", pid=value)
        yield message("kill", name="w", graceful_timeout=value)
        yield message("stats", name="w", process=value)
        yield message("set", name="w", options={"numprocesses": value})
        yield message("set", name="w", options={"graceful_timeout": value})
        yield message("set", name="w", options={"stop_signal": value})
    for value in ("text", 5, True, ["a"], [["a", 1]]):
        yield message("set", name="w", options=value)
        yield message("add", name="new", cmd="sleep 1", options=value)
        yield json.dumps({"id": "x", "command": "list", "properties": value}).encode()
    for value in ("cmd", 5, {"a": 1}, [5], [None], [["cmd"]]):
        yield message("get", name="w", keys=value)
    for value in (5, {"a": 1}):
        yield message("add", name="new", cmd="sleep 1", args=value)
        yield message("add", name="new", cmd=value)


def wrong_values() -> Iterator[bytes]:
    """Properties that say what cannot be."""
    for command in NAMED:
        for name in ("nope", "", " ", "w\0", "ẃ", "x" * 10_000, "*nope"):
            yield message(command, **{**WHOLE.get(command, {}), "name": name})
    for signum in ("SIGNOPE", "", " ", -1, 65, 10**20, 1.5, "1.5", "TERM;", [], {}):
        yield message("signal", name="w", signum=signum)
        yield message("kill", name="w", signum=signum)
    for match in ("foo", "", "GLOB ", 5):
        yield message("stop", name="w", match=match)
    for pattern in ("(", "[", "*", "(?P<", "\\", "a{2,1}"):
        yield message("stop", name=pattern, match="regex")
    for key in ("bogus", "", "__class__", "CMD", "numprocesses ", "state", "hooks.", "rlimit_", "rlimit_bogus", "name"):
        yield message("set", name="w", options={key: 1})
        yield message("add", name="new", cmd="sleep 1", options={key: 1})
    for key in ("bogus", "", "__dict__", "NUMPROCESSES"):
        yield message("get", name="w", keys=[key])
        yield message("get", name="w", keys=["cmd", key])
        yield message("globaloptions", option=key)
    for options in (
        {"uid": "nosuchuser"},
        {"gid": "nosuchgroup"},
        {"env": {"A": 1}},
        {"env": {"": "x"}},
    ):
        yield message("set", name="w", options=options)
    for options in ({"hooks": {"bogus": "os.getpid"}}, {"hooks": {"before_start": "no.such.hook"}}, {"hooks": 5}):
        yield message("set", name="w", options=options)
    for options in ({"numprocesses": 1, "bogus": 2}, {"max_retry": "x"}, {"respawn": "perhaps"}, {"stdout_stream": {}}):
        yield message("set", name="w", options=options)
    for name in ("w", "W", ""):
        yield message("add", name=name, cmd="sleep 1")
    yield message("add", name="new", cmd="unclosed 'quote")
    yield message("signal", name="w", signum=0, childpid=1)
    yield message("signal", name="w", signum=0, pid=1, childpid=1)
    yield message("stats", name="w", process=1)
    yield message("listen")


BODIES = {
    group.__name__: list(group())
    for group in (not_json, no_command, unknown_commands, missing_properties, wrong_types, wrong_values)
}
CASES = [pytest.param(body, id=f"{group}-{n}") for group, bodies in BODIES.items() for n, body in enumerate(bodies)]
FRAMES = {
    "two": [b"a", b"b"],
    "two-good": [b'{"command": "list"}'] * 2,
    "three-empty": [b"x", b"", b""],
    "many": [b"x"] * 100,
    "command-last": [b"x", b"y", b'{"command": "list"}'],
}


@pytest.fixture(scope="module")
def shared(which_circusd: Flavour) -> Iterator[Daemon]:
    """One daemon for all cases: that it survives them all is the point."""
    daemon = Daemon(which_circusd)
    daemon.start(watcher("w", numprocesses=2), watcher("other"))
    daemon.wait_ready("w", 2)
    yield daemon
    daemon.close()


def facts(daemon: Daemon) -> dict[str, Any]:
    """Return what no broken message may change."""
    asked = daemon.call("stats")["infos"]
    return {name: sorted(infos) for name, infos in asked.items()} | {
        "options": daemon.call("options", name="w")["options"]
    }


def check(daemon: Daemon, *frames: bytes) -> None:
    before = facts(daemon)
    client = daemon.connect()
    try:
        client.send_frames(*frames)
        reply = client.receive()
        assert reply is not None, "no reply"
        assert reply["status"] == "error", reply
        assert reply["errno"] in (1, 2, 3, 5)
        assert reply["tb"] is None
        assert isinstance(reply["reason"], str)
        assert reply["reason"]
        assert "Traceback" not in reply["reason"]
        assert "object has no attribute" not in reply["reason"]
        assert len(reply["reason"]) < 2000 + sum(map(len, frames))
        assert client.ask("numwatchers", timeout=5)["numwatchers"] == 2
    finally:
        client.close()
    assert facts(daemon) == before


def test_the_corpus_is_large() -> None:
    assert len({body for bodies in BODIES.values() for body in bodies}) >= 300


@pytest.mark.parametrize("body", CASES)
def test_a_broken_message_gets_its_error(shared: Daemon, body: bytes) -> None:
    check(shared, body)


@pytest.mark.parametrize("frames", FRAMES.values(), ids=FRAMES)
def test_wrong_frames_get_their_error(shared: Daemon, frames: list[bytes]) -> None:
    check(shared, *frames)


def test_the_empty_delimiter_of_a_req_socket_is_returned(shared: Daemon) -> None:
    client = shared.connect()
    client.send_frames(b"", message("numwatchers"))

    frames = client.receive_frames()

    assert frames is not None
    assert frames[0] == b""
    assert json.loads(frames[1])["numwatchers"] == 2
    client.close()


def test_a_cast_gets_no_reply_even_when_it_is_wrong(shared: Daemon) -> None:
    client = shared.connect()
    client.send_frames(json.dumps({"command": "nope", "msg_type": "cast"}).encode())

    reply = client.ask("numwatchers")

    assert reply["numwatchers"] == 2
    client.close()


@pytest.mark.parametrize("message_id", [None, 0, 1.5, True, "", "ü", [1, {"a": None}], {"a": [1]}, "x" * 1000])
def test_any_id_is_echoed(shared: Daemon, message_id: object) -> None:
    client = shared.connect()
    for command in ("numwatchers", "nope"):
        client.send_frames(json.dumps({"id": message_id, "command": command}).encode())
        reply = client.receive()
        assert reply is not None
        assert reply["id"] == message_id
    client.close()


def test_the_log_has_no_traceback(shared: Daemon) -> None:
    assert "Traceback" not in shared.log
