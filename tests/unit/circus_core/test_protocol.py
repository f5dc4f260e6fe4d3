"""What the daemon makes of bytes, and what clients get back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from circus_core import protocol
from circus_core.errors import AlreadyExistsError, CommandError, CommandFailedError, ExtensionError, UnknownCommandError
from circus_core.protocol import MAX_BYTES, MAX_DEPTH, Message, Rejected


def parse(body: bytes) -> Message | Rejected:
    return protocol.parse([b"me", body])


def nested(depth: int) -> bytes:
    return b'{"command": "list", "id": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_message_with_all_keys() -> None:
    body = b' {"id": {"a": 1}, "command": "LIST", "properties": {"name": "web"}, "msg_type": "cast", "more": 1}\n'
    assert parse(body) == Message(route=(b"me",), id={"a": 1}, command="LIST", properties={"name": "web"}, is_cast=True)


def test_message_with_a_command_alone() -> None:
    assert parse(b'{"command": "list"}') == Message(
        route=(b"me",), id=None, command="list", properties={}, is_cast=False
    )


def test_req_client_gets_its_delimiter_back() -> None:
    message = protocol.parse([b"me", b"", b'{"command": "list"}'])
    assert isinstance(message, Message)
    assert message.route == (b"me", b"")


@pytest.mark.parametrize(
    ("body", "errno"),
    [
        pytest.param(b"", 1, id="empty"),
        pytest.param(b" \n", 1, id="blank"),
        pytest.param(b"nope", 1, id="no-json"),
        pytest.param(b'{"command": "list"', 1, id="cut-off"),
        pytest.param(b'{"command": "list"} x', 1, id="more-behind"),
        pytest.param(b"\xff\xfe", 1, id="bad-utf-8"),
        pytest.param('{"command": "list"}'.encode("utf-16"), 1, id="utf-16"),
        pytest.param(b'{"command": "list", "id": NaN}', 1, id="nan"),
        pytest.param(b'{"command": "list", "id": -Infinity}', 1, id="infinity"),
        pytest.param(b'{"command": "list", "id": 1e999}', 1, id="number-too-big"),
        pytest.param(b'{"command": "list", "id": ' + b"1" * 5000 + b"}", 1, id="number-too-long"),
        pytest.param(b'{"command": "list", "id": "\\ud800"}', 1, id="half-a-character"),
        pytest.param(b'{"command": null}', 2, id="null-command"),
        pytest.param(b'{"command": 3}', 2, id="command-is-a-number"),
        pytest.param(b'{"command": ["list"]}', 2, id="command-is-a-list"),
        pytest.param(b"{}", 3, id="no-command"),
        pytest.param(b"[]", 3, id="list"),
        pytest.param(b'"x"', 3, id="string"),
        pytest.param(b"null", 3, id="null"),
        pytest.param(b"3.5", 3, id="number"),
        pytest.param(b"true", 3, id="boolean"),
        pytest.param(nested(MAX_DEPTH + 1), 3, id="nested-too-deep"),
        pytest.param(b"[" * 200000, 3, id="nested-far-too-deep"),
        pytest.param(b'{"a":' * 100000, 3, id="objects-nested-far-too-deep"),
        pytest.param(b" " * (MAX_BYTES + 1), 3, id="too-big"),
    ],
)
def test_malformed_message_is_rejected_with_a_reason(body: bytes, errno: int) -> None:
    message = parse(body)
    assert isinstance(message, Rejected)
    reply = json.loads(protocol.encode(protocol.error(message.id, message.error)))
    assert reply["status"] == "error"
    assert reply["errno"] == errno
    assert reply["tb"] is None
    assert 0 < len(reply["reason"]) < 300


@pytest.mark.parametrize("frames", [[b"me"], [b"me", b"a", b"b"], [b"me", b"", b"a", b"b"], []])
def test_wrong_number_of_frames_is_rejected(frames: list[bytes]) -> None:
    message = protocol.parse(frames)
    assert isinstance(message, Rejected)
    assert message.error.errno == 3
    assert "frames" in str(message.error)


def test_rejected_message_keeps_its_id_and_whether_it_is_a_cast() -> None:
    message = parse(b'{"id": "x", "msg_type": "cast"}')
    assert isinstance(message, Rejected)
    assert (message.id, message.is_cast) == ("x", True)


def test_as_deep_as_allowed_is_echoed() -> None:
    message = parse(nested(MAX_DEPTH))
    assert isinstance(message, Message)
    assert json.loads(protocol.encode(protocol.ok(message.id)))["id"] == message.id


def test_escaped_character_of_two_halves_is_whole() -> None:
    message = parse(b'{"command": "list", "id": "\\ud83d\\ude00"}')
    assert isinstance(message, Message)
    assert message.id == "\N{GRINNING FACE}"


def test_many_brackets_in_a_string_are_not_deep() -> None:
    assert isinstance(parse(b'{"command": "list", "id": "' + b"[" * 500 + b'"}'), Message)


def test_command_is_found_whatever_its_case() -> None:
    assert protocol.find_command({"list": 1}, "LiSt") == 1


def test_unknown_command_is_shown_as_it_was_sent() -> None:
    with pytest.raises(UnknownCommandError, match=r"^unknown command: 'ZZZ'$"):
        protocol.find_command({"list": 1}, "ZZZ")


@pytest.mark.parametrize(
    ("result", "keys"),
    [
        pytest.param(None, {"status": "ok"}, id="nothing"),
        pytest.param({}, {"status": "ok"}, id="empty"),
        pytest.param({"status": "active"}, {"status": "active"}, id="own-status-wins"),
        pytest.param({"id": "other"}, {"status": "ok"}, id="id-stays"),
        pytest.param([1, 2], {"status": "ok", "results": [1, 2]}, id="list"),
    ],
)
def test_ok_merges_the_result_into_the_envelope(result: Any, keys: dict[str, Any]) -> None:
    reply = protocol.ok("x", result)
    assert isinstance(reply.pop("time"), float)
    assert reply == {**keys, "id": "x"}


def test_result_that_is_no_object_is_a_server_error() -> None:
    with pytest.raises(CommandFailedError, match="server error"):
        protocol.ok("x", 3)


@pytest.mark.parametrize(
    ("exc", "errno", "reason"),
    [
        pytest.param(AlreadyExistsError("'web' already exist"), 5, "'web' already exist", id="own"),
        pytest.param(CommandError("no"), 3, "no", id="base"),
        pytest.param(PermissionError(1, "denied"), 4, "[Errno 1] denied", id="os-error"),
        pytest.param(ExtensionError("no hook named 'x'"), 5, "no hook named 'x'", id="extension"),
        pytest.param(KeyError("x"), 5, "command 'zap': 'x'", id="other"),
        pytest.param(AssertionError(), 5, "command 'zap': AssertionError", id="no-text"),
    ],
)
def test_error_tells_number_and_reason(exc: Exception, errno: int, reason: str) -> None:
    reply = protocol.error("x", exc, command="zap")
    assert list(reply) == ["status", "reason", "tb", "time", "errno", "id"]
    assert (reply["errno"], reply["reason"], reply["tb"], reply["id"]) == (errno, reason, None, "x")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": object()}])
def test_encode_writes_strict_json_or_refuses(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        protocol.encode(value)


def test_encode_refuses_what_is_nested_too_deep() -> None:
    value: list[Any] = []
    for _ in range(100000):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        protocol.encode(value)


def test_messages_that_clients_make() -> None:
    assert protocol.make_message("incr", name="web") == {"command": "incr", "properties": {"name": "web"}}
    assert protocol.cast_message("incr")["msg_type"] == "cast"
    assert json.loads(protocol.make_json("incr", nb=2)) == {"command": "incr", "properties": {"nb": 2}}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="empty"),
        pytest.param({"status": "ok", "info": {}}, id="small"),
        pytest.param({str(n): n for n in range(1000)}, id="many"),
        pytest.param({"a": 1, "info": {str(n): {"cpu": n} for n in range(251)}, "b": [1]}, id="below"),
        pytest.param({"infos": {w: {str(n): {"x": "é"} for n in range(101)} for w in ("a", 'b"')}}, id="two-below"),
        pytest.param({f"{n}": {f"{m}": m for m in range(150)} for n in range(120)}, id="many-of-many"),
        pytest.param({"list": list(range(1000))}, id="list"),
        pytest.param([1, 2], id="no-object"),
    ],
)
def test_parts_make_the_whole(data: Any) -> None:
    parts = list(protocol.encode_parts(data))
    assert json.loads(b"".join(parts)) == data
    assert all(part.count(b"cpu") <= 100 for part in parts)


def test_parts_refuse_what_the_whole_refuses() -> None:
    with pytest.raises(ValueError, match="JSON"):
        list(protocol.encode_parts({str(n): float("nan") for n in range(200)}))
    with pytest.raises(TypeError):
        list(protocol.encode_parts({"a": {str(n): object() for n in range(200)}}))
