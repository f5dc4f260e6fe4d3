"""What an endpoint does with its ZeroMQ socket. It is a module of its own since ``zmq`` takes 20 ms to import."""

from __future__ import annotations

from typing import Any

import zmq


def bind(socket: zmq.Socket[Any], address: str) -> str:
    """Bind to *address*, and return it as clients connect to it.

    :raises OSError: it cannot be had
    """
    try:
        socket.bind(address)
    except zmq.ZMQError as exc:
        raise OSError(exc.errno, exc.strerror) from exc
    bound = socket.getsockopt_string(zmq.LAST_ENDPOINT)
    assert isinstance(bound, str)
    return bound


def hand_over(socket: zmq.Socket[Any], listener: int, address: str) -> None:
    """Let *socket* take the connections of a listening descriptor, which is its own from now on."""
    socket.setsockopt(zmq.USE_FD, listener)
    socket.bind(address)


def has_message(socket: zmq.Socket[Any]) -> bool:
    """Tell if a message has come; a third of what it costs to try and fail. After a ``False`` the descriptor tells."""
    events = socket.getsockopt(zmq.EVENTS)
    assert isinstance(events, int)
    return bool(events & zmq.POLLIN)
