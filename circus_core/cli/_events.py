"""The daemon's events, from either of its endpoints."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import zmq

from circus_core.cli._options import Options
from circus_core.client import connect
from circus_core.errors import CallError
from circus_core.protocol import SYNC_TOPIC, encode, make_message

_NO_EVENT: Final = SYNC_TOPIC.encode()


def events(options: Options, topics: Sequence[str], *, on_doubt: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Yield topic and JSON text of each event whose topic starts with one of *topics*, without end.

    The endpoint may be that of commands, which is asked for the one of events, or that of events itself.

    :param on_doubt: told when neither the one nor the other answers; listening goes on
    :raises CallError: the endpoint cannot be used
    """
    context: zmq.Context[Any] = zmq.Context()
    try:
        subscriber = _find(context, options, topics, on_doubt)
        while True:
            topic, body = subscriber.recv_multipart()[:2]
            if not topic.startswith(_NO_EVENT):
                yield topic.decode("utf-8", "replace"), body.decode("utf-8", "replace")
    finally:
        context.destroy(linger=0)


def _find(
    context: zmq.Context[Any], options: Options, topics: Sequence[str], on_doubt: Callable[[str], None]
) -> zmq.Socket[Any]:
    """Return a socket that is subscribed, asking and listening at the given endpoint at the same time."""
    asking = context.socket(zmq.DEALER)
    asking.linger = 0
    connect(asking, options.endpoint, options.ssh or None, options.ssh_keyfile or None)
    asking.send(encode({**make_message("globaloptions"), "id": "listen"}))
    # Only commands go through tunnels that were made before, so a tunnel leads to the endpoint of commands.
    listening = None if options.ssh else _subscribe(context, options, options.endpoint, topics)
    poller = zmq.Poller()
    for socket in filter(None, (asking, listening)):
        poller.register(socket, zmq.POLLIN)
    ready = dict(poller.poll(math.ceil(options.timeout * 1000)))
    if asking in ready:
        address = _pubsub_endpoint(asking.recv_multipart()[-1], options.endpoint)
        if listening is not None:
            listening.close(0)
        listening = _subscribe(context, options, address, topics)
    elif not ready:
        on_doubt(f"no reply from {options.endpoint} in {options.timeout:g}s; is circusd running? Still listening")
    asking.close(0)
    if listening is None:
        raise CallError(f"no reply from {options.endpoint} in {options.timeout:g}s through --ssh {options.ssh}")
    return listening


def _subscribe(context: zmq.Context[Any], options: Options, endpoint: str, topics: Sequence[str]) -> zmq.Socket[Any]:
    socket: zmq.Socket[Any] = context.socket(zmq.SUB)
    socket.linger = 0
    for topic in topics or [""]:
        socket.setsockopt_string(zmq.SUBSCRIBE, topic)
    connect(socket, endpoint, options.ssh or None, options.ssh_keyfile or None)
    return socket


def _pubsub_endpoint(body: bytes, endpoint: str) -> str:
    """Return the address in a reply to ``globaloptions``, one that binds every interface made one to connect to."""
    try:
        address = str(json.loads(body)["options"]["pubsub_endpoint"])
    except (ValueError, KeyError, TypeError) as exc:
        raise CallError(f"{endpoint} does not tell its pubsub endpoint: {body[:200]!r}") from exc
    host = re.match(r"tcp://(.+):\d+$", endpoint)
    return re.sub(r"^tcp://(\*|0\.0\.0\.0|\[::\]):", f"tcp://{host[1]}:", address) if host else address
