"""A keeper that starts nothing: it answers an arbiter as a test tells it."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from circus_core.keeper.wire import TO_KEEPER, VERSION, Channel, ClosedError, Message

Answer = Callable[..., Iterable[Message | bytes]]
"""Takes the fields of a message; what it returns is sent, bytes as they are."""

PID = 2**22 + 1  #: no process has so high a number


class FakeKeeper:
    """The other end of *sock*, which is an arbiter's. It holds nothing, and says that all it is asked for was done.

    :param answers: operation to what is said in place of that
    """

    def __init__(self, **answers: Answer) -> None:
        self.sock, self._own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.heard: list[Message] = []
        self._numbers = itertools.count(1)
        self._answers: Mapping[str, Answer] = {
            "hello": lambda version, command: [("welcome", VERSION, {"pid": os.getpid(), "role": "first"})],
            "list_children": lambda after: [("children", [], False)],
            "list_descriptors": lambda after: [("descriptors", [], False)],
            "list_states": lambda after: [("states", {}, False)],
            "spawn": self._spawned,
            "sync": lambda serial: [("synced", serial)],
            **answers,
        }
        self._channel = Channel(self._own, TO_KEEPER)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, *messages: Message | bytes) -> None:
        """Send *messages* unasked."""
        for message in messages:
            if isinstance(message, bytes):
                self._own.send(message)
            else:
                self._channel.send_now(message)

    def end(self) -> None:
        """Be gone. May be called twice."""
        with suppress(OSError):
            self._own.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._channel.close()

    def _serve(self) -> None:
        while True:
            try:
                message, fds = self._channel.receive_now(60.0)
                for fd in fds:
                    os.close(fd)
                self.heard.append(message)
                self.say(*self._answers.get(message[0], lambda *_: [])(*message[1:]))
            except (ClosedError, OSError):
                return

    def _spawned(self, common: dict[str, Any], starts: list[tuple[int, dict[str, Any]]]) -> Iterable[Message]:
        return [("spawned", [(serial, next(self._numbers), PID, time.time(), False) for serial, _ in starts])]
