"""The hook ``tcp_ready``."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import Any

from circus_core.options import Kind, OnChange, kinds, option
from circus_core.quick_dataclass import dataclass
from circus_plugins_builtin.hooks._waiting import Waiting, wait_until


def _checked(words: Iterable[str]) -> tuple[str, ...]:
    found = tuple(words)
    for word in found:
        address = re.fullmatch(r"(?:\[.+\]|[^:\[\]]+):(\d{1,5})", word)
        if address is None or not 0 < int(address[1]) < 65536:
            raise ValueError(f"{word!r} is no HOST:PORT")
    if not found:
        raise ValueError("empty")
    return found


_WORDS = kinds.word_list("HOST:PORT, or several of them")
_ADDRESSES = Kind(
    name="list of HOST:PORT",
    parse=lambda text: _checked(_WORDS.parse(text)),
    fix=_WORDS.fix,
    complaint=_WORDS.complaint,
    json_types=_WORDS.json_types,
    from_json=lambda items: _checked(map(str, items)),
    show=_WORDS.show,
)


@dataclass(frozen=True, kw_only=True)
class TcpReady(Waiting):
    """Options of ``tcp_ready``."""

    prefix = "hook.tcp_ready"
    needed = "address"
    example = "127.0.0.1:6379"

    address: tuple[str, ...] | None = option(
        _ADDRESSES,
        None,
        "What has to accept a connection, as ``HOST:PORT``; all of them where there are several. Required.",
        on_change=OnChange.NOTHING,
    )


async def tcp_ready(*, watcher: Any, **others: Any) -> bool:
    """Wait until a TCP port accepts connections."""
    options = TcpReady.of(watcher.options())
    for address in options.address or ():
        host, _, port = address.rpartition(":")

        def connect(seconds: float, to: tuple[str, int] = (host.strip("[]"), int(port))) -> None:
            socket.create_connection(to, timeout=seconds).close()

        await wait_until(connect, options, address)
    return True
