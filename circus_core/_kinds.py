"""The kinds of values that options have."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from circus_core import values
from circus_core._rows import Kind
from circus_core.values import Respawn

BOOL: Final = Kind(
    name="boolean",
    parse=values.boolean,
    fix="write one of yes, true, on, 1, no, false, off, 0",
    complaint="isn't a valid boolean",
    json_types=(bool,),
)


def whole(minimum: int | None = None, maximum: int | None = None, *, fix: str = "") -> Kind:
    """Return the kind of whole numbers in a range."""
    bounds = [f"from {minimum}"] * (minimum is not None) + [f"to {maximum}"] * (maximum is not None)
    return Kind(
        name="integer",
        parse=partial(values.whole, minimum=minimum, maximum=maximum),
        fix=fix or " ".join(["write a whole number", *bounds]),
        complaint="isn't an integer",
        json_types=(int,),
    )


INT: Final = whole()
PORT: Final = whole(0, 65535)
NUMBER: Final = Kind(
    name="number", parse=values.number, fix="write a number", complaint="isn't a number", json_types=(int, float)
)
SECONDS: Final = Kind(
    name="number",
    parse=values.seconds,
    fix="write a number of seconds, 0 or more",
    complaint="isn't a number",
    json_types=(int, float),
)


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a null character")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return _text(text)


TEXT: Final = Kind(name="string", parse=_text, fix="write text")
NAME: Final = Kind(name="string", parse=_filled, fix="write a name")
PATH: Final = Kind(name="path", parse=_filled, fix="write a path")
DIRECTORY: Final = Kind(name="path", parse=_filled, fix="write the path of a directory")
COMMAND: Final = Kind(name="command line", parse=_filled, fix="write the command line to run")
USER: Final = Kind(
    name="user",
    parse=_filled,
    fix="write the name or number of a user",
    complaint="isn't an integer or string",
    json_types=(int,),
    from_json=int,
)
GROUP: Final = Kind(
    name="group",
    parse=_filled,
    fix="write the name or number of a group",
    complaint="isn't an integer or string",
    json_types=(int,),
    from_json=int,
)


def _strings(items: Sequence[Any]) -> tuple[str, ...]:
    if bad := [item for item in items if not isinstance(item, (str, int, float)) or isinstance(item, bool)]:
        raise ValueError(f"{bad[0]!r} in it is not a string")
    return tuple(_text(str(item)) for item in items)


def _show_words(value: str | Sequence[str] | None) -> str | list[str] | None:
    return value if value is None or isinstance(value, str) else list(value)


ARGS: Final = Kind(
    name="words",
    parse=_text,
    fix="write the words to add to cmd",
    complaint="isn't a string or list of strings",
    json_types=(list, tuple),
    from_json=_strings,
    show=_show_words,
)


def word_list(what: str) -> Kind:
    """Return the kind of lists of names, written with spaces or commas."""
    return Kind(
        name="list",
        parse=values.words,
        fix=f"write {what}, separated by spaces or commas",
        complaint="isn't a string or list of strings",
        json_types=(list, tuple),
        from_json=_strings,
        show=_show_words,
    )


PATHS: Final = Kind(name="list of paths", parse=values.paths, fix="write paths separated by spaces")


def _show_respawn(value: Respawn) -> bool | str:
    return value.value if value is Respawn.ON_FAILURE else value is Respawn.ALWAYS


RESPAWN: Final = Kind(
    name="boolean or on-failure",
    parse=values.respawn,
    fix="write yes, no or on-failure",
    complaint="isn't a valid boolean",
    json_types=(bool,),
    show=_show_respawn,
)
ON_ERROR: Final = Kind(
    name="drop or block", parse=values.on_error, fix="write drop or block", show=lambda value: value.value
)
RING: Final = Kind(
    name="size",
    parse=partial(values.size, maximum=16 * 1024 * 1024),
    fix="write a number of bytes such as 64K, up to 16M, or 0 for none",
    complaint="isn't a number of bytes",
    json_types=(int,),
)
SIGNAL: Final = Kind(
    name="signal",
    parse=values.stop_signal,
    fix=f"write a name such as TERM or a number from 1 to {values.HIGHEST_SIGNAL}",
    complaint="isn't an integer",
    json_types=(int,),
)
MODE: Final = Kind(
    name="octal",
    parse=values.octal,
    fix="write an octal number such as 022",
    complaint="isn't an octal number",
)


def _address(text: str) -> str:
    tcp = re.fullmatch(r"tcp://(.+):(\d+|\*)", text)
    if tcp and tcp[2] != "*" and int(tcp[2]) > 65535:
        raise ValueError("the port is more than 65535")
    if not tcp and not re.fullmatch(r"(ipc|inproc|ws|wss|vmci|pgm|epgm|norm|udp)://.+", text):
        raise ValueError("not a ZeroMQ address")
    return text


ADDRESS: Final = Kind(
    name="ZeroMQ address", parse=_address, fix="write one such as tcp://127.0.0.1:5555 or ipc:///run/circus/endpoint"
)


def _logger_config(text: str) -> str:
    if text != "default" and not text.lower().endswith((".ini", ".json", ".yaml", ".yml")):
        raise ValueError("neither an ini, a JSON nor a YAML file")
    return text


LOGGER_CONFIG: Final = Kind(
    name="path", parse=_logger_config, fix="write a path that ends in .ini, .json or .yaml, or the word default"
)


def _one_of(prefix: str, choices: dict[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        word = text.strip().upper()
        try:
            return choices[word if word.startswith(prefix) else prefix + word]
        except KeyError:
            raise ValueError(f"none of {', '.join(choices)}") from None

    return parse


FAMILIES: Final = {name: getattr(socket, name) for name in ("AF_INET", "AF_INET6", "AF_UNIX")}
TYPES: Final = {
    name: getattr(socket, name)
    for name in ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET")
    if hasattr(socket, name)
}
FAMILY: Final = Kind(name="word", parse=_one_of("AF_", FAMILIES), fix=f"write one of {', '.join(FAMILIES)}")
TYPE: Final = Kind(name="word", parse=_one_of("SOCK_", TYPES), fix=f"write one of {', '.join(TYPES)}")


def _protocol(text: str) -> int:
    word = text.strip()
    if word.isdigit():
        return values.whole(word, maximum=255)
    try:
        return socket.getprotobyname(word.lower())
    except OSError:
        raise ValueError("not a protocol that this system knows") from None


PROTOCOL: Final = Kind(name="protocol", parse=_protocol, fix="write a name such as tcp or udp, or its number")


def _virtualenv_version(text: str) -> str:
    if not re.fullmatch(r"\d+\.\d+", text.strip()):
        raise ValueError("not a version of Python")
    return text.strip()


PYTHON_VERSION: Final = Kind(name="version", parse=_virtualenv_version, fix="write one such as 3.11")
