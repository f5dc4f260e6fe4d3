"""Messages of the control endpoint: bytes to a message, replies to bytes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NoReturn, TypeVar

from circus_core.errors import (
    BadJSONError,
    CircusError,
    CommandError,
    CommandFailedError,
    MessageError,
    UnknownCommandError,
)
from circus_core.quick_dataclass import dataclass

DEFAULT_ENDPOINT_DEALER: Final = "tcp://127.0.0.1:5555"
DEFAULT_ENDPOINT_SUB: Final = "tcp://127.0.0.1:5556"
DEFAULT_ENDPOINT_STATS: Final = "tcp://127.0.0.1:5557"
DEFAULT_ENDPOINT_MULTICAST: Final = "udp://237.219.251.97:12027"

SYNC_TOPIC: Final = "sync."
"""A subscription to events that starts so is answered by one message of its whole topic: what the same socket
subscribed to before is in effect."""

MAX_BYTES: Final = 1 << 20
"""The largest message body that is read."""

_PART: Final = 100
"""Entries of a dictionary that are encoded at a time."""

MAX_DEPTH: Final = 100
"""How deep lists and objects of a message may be nested."""

CommandT = TypeVar("CommandT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that is in form; whether there is such a command is not known yet.

    :param route: the frames that its reply starts with: who sent it and, from a REQ client, the empty delimiter
    :param id: what the reply echoes
    :param command: the name as it was sent
    :param properties: as they were sent, ``{}`` when left out
    :param is_cast: no reply is wanted, not even for an error
    """

    route: tuple[bytes, ...]
    id: Any
    command: str
    properties: Any
    is_cast: bool
    is_retry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A message that is not in form; *error* tells its sender what is wrong, unless *is_cast*."""

    route: tuple[bytes, ...]
    id: Any = None
    is_cast: bool = False
    error: CommandError


def parse(frames: Sequence[bytes]) -> Message | Rejected:
    """Return the message in *frames*, as a ROUTER socket received them. Never raises, whatever they hold."""
    route, rest = _split_route(frames)
    try:
        data = _load(rest)
    except CommandError as exc:
        return Rejected(route=route, error=exc)
    if not isinstance(data, dict):
        error = MessageError(f"message invalid: {_KINDS[type(data)]}; send an object with a 'command'")
        return Rejected(route=route, error=error)
    message_id = data.get("id")
    is_cast = data.get("msg_type") == "cast"
    command = data.get("command")
    if isinstance(command, str):
        properties = data.get("properties", {})
        return Message(
            route=route,
            id=message_id,
            command=command,
            properties=properties,
            is_cast=is_cast,
            is_retry=data.get("retry") is True,
        )
    if "command" in data:
        return Rejected(route=route, id=message_id, is_cast=is_cast, error=_unknown(command))
    return Rejected(
        route=route, id=message_id, is_cast=is_cast, error=MessageError("message invalid 'command' is missing")
    )


def find_command(commands: Mapping[str, CommandT], name: str) -> CommandT:
    """Return the command called *name*, whatever its case.

    :raises UnknownCommandError: there is none
    """
    command = commands.get(name.lower())
    if command is None:
        raise _unknown(name)
    return command


def ok(message_id: Any, result: Any = None) -> dict[str, Any]:
    """Return the reply of a command that returned *result*; its keys win over those of the envelope but ``id``.

    :raises CommandFailedError: *result* is neither a dict, a list nor ``None``
    """
    if isinstance(result, list):
        result = {"results": result}
    if result is not None and not isinstance(result, Mapping):
        raise CommandFailedError(f"server error: the command returned a {type(result).__name__}, no object")
    return {"status": "ok", "time": time.time(), **(result or {}), "id": message_id}


def error(message_id: Any, exc: Exception, *, command: str | None = None) -> dict[str, Any]:
    """Return the reply that tells of *exc*; *command* names who raised it, when that is no :class:`CommandError`."""
    errno, reason = _told(exc, command)
    return {"status": "error", "reason": reason, "tb": None, "time": time.time(), "errno": errno, "id": message_id}


def encode(data: Any) -> bytes:
    """Return *data* as the bytes of strict JSON.

    :raises ValueError: it holds NaN or an infinity, or is nested too deep
    :raises TypeError: it holds what JSON has no form for
    """
    try:
        return _ENCODER.encode(data).encode("ascii")
    except RecursionError as exc:
        raise ValueError("nested too deep for JSON") from exc


def encode_parts(data: Any, depth: int = 3) -> Iterator[bytes]:
    """Yield what :func:`encode` returns in parts, of which none takes long to make, however many entries *data* has.

    A part ends between two entries of a dictionary that has many, down to *depth* levels. Raises what :func:`encode`
    raises.
    """
    if not is_big(data, depth):
        yield encode(data)
        return
    entries = iter(data.items())
    before = b"{"
    while chunk := dict(islice(entries, _PART)):
        big = {key: value for key, value in chunk.items() if is_big(value, depth - 1)}
        if small := {key: value for key, value in chunk.items() if key not in big}:
            yield before + encode(small)[1:-1]
            before = b", "
        for key, value in big.items():
            yield before + encode(str(key)) + b": "
            yield from encode_parts(value, depth - 1)
            before = b", "
    yield b"}"


def is_big(data: Any, depth: int = 3) -> bool:
    """Tell if :func:`encode_parts` yields more than one part."""
    if not isinstance(data, dict) or depth <= 0:
        return False
    return len(data) > _PART or (depth > 1 and any(is_big(value, depth - 1) for value in data.values()))


def make_message(command: str, **props: Any) -> dict[str, Any]:
    """Return a message for :meth:`~circus_core.client.CircusClient.call`."""
    return {"command": command, "properties": props}


def cast_message(command: str, **props: Any) -> dict[str, Any]:
    """Return a message that is not answered."""
    return {"command": command, "properties": props, "msg_type": "cast"}


def make_json(command: str, **props: Any) -> str:
    """Return a message as JSON text."""
    return json.dumps(make_message(command, **props))


_KINDS: Final = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _split_route(frames: Sequence[bytes]) -> tuple[tuple[bytes, ...], Sequence[bytes]]:
    has_delimiter = len(frames) > 2 and not frames[1]
    at = 2 if has_delimiter else 1
    return tuple(frames[:at]), frames[at:]


def _load(bodies: Sequence[bytes]) -> Any:
    if len(bodies) != 1:
        raise MessageError(f"message invalid: {len(bodies)} frames; send one frame of JSON")
    body = bodies[0]
    if len(body) > MAX_BYTES:
        raise MessageError(f"message invalid: {len(body)} bytes; send at most {MAX_BYTES}")
    try:
        data = _DECODER.decode(body.decode("utf-8").strip())
        if b"\\u" in body:
            # An escape can spell half a character, which nobody could write down as a name or a topic.
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except ValueError as exc:
        raise BadJSONError("json invalid") from exc
    except RecursionError as exc:
        raise _too_deep() from exc
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(data, MAX_DEPTH):
        raise _too_deep()
    return data


def _too_deep() -> MessageError:
    return MessageError(f"message invalid: nested too deep; nest at most {MAX_DEPTH} lists and objects")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too big")
    return value


# Made once: to make one takes as long as to read or write a short message.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
_ENCODER: Final = json.JSONEncoder(allow_nan=False)


def _is_deeper(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        if not inner:
            return False
        level = inner
    return any(isinstance(value, (dict, list)) for value in level)


def _unknown(name: Any) -> UnknownCommandError:
    text = repr(name)
    return UnknownCommandError(f"unknown command: {text if len(text) <= 200 else text[:197] + '...'}")


def _told(exc: Exception, command: str | None) -> tuple[int, str]:
    if isinstance(exc, CommandError):
        return exc.errno, str(exc)
    if isinstance(exc, OSError):
        return 4, str(exc)
    if isinstance(exc, CircusError):
        return 5, str(exc)
    text = str(exc) or type(exc).__name__
    return 5, f"command {command!r}: {text}" if command else text
