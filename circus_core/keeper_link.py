"""An arbiter's end of its connection with the keeper."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any, Final

from circus_core.errors import KeeperError
from circus_core.keeper.wire import TO_ARBITER, VERSION, Channel, ClosedError, Message, WireError, close_all
from circus_core.quick_dataclass import dataclass

logger: Final = logging.getLogger("circus")

_PATIENCE: Final = 10.0  #: seconds to wait for an answer while there is no loop yet
_BURST: Final = 100  #: messages taken before others on the loop have their turn
_OF_SUCCESSION: Final = frozenset({"ping", "pong", "handover", "stay", "leave"})

Handler = Callable[[Sequence[Any], list[int]], object]
"""Takes the fields of a message and its descriptors, which are its to close."""


@dataclass(frozen=True, slots=True)
class Holding:
    """All that the keeper holds.

    :param children: what is known of each child, its pidfd (-1 when it has ended), its pipes by number
    :param descriptors: name to number in children, metadata, descriptor
    """

    children: list[tuple[dict[str, Any], int, dict[int, int]]] = field(default_factory=list)
    descriptors: dict[str, tuple[int, str, int]] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)


class KeeperLink:
    """Talks to the keeper: by waiting while there is no loop, by handlers from :meth:`open` on.

    :param sock: the connection, ours from now on
    :param command: the command line that starts an arbiter like this one
    :param pid: the keeper's, before :meth:`greet` tells it
    """

    def __init__(self, sock: socket.socket, command: Sequence[str], pid: int = 0) -> None:
        self._channel = Channel(sock, TO_ARBITER)
        self._command = list(command)
        self._handlers: dict[str, Handler] = {"ping": lambda _, __: self.send(("pong",))}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_paused = False
        self._pidfd = -1
        self._greeted: asyncio.Future[Sequence[Any]] | None = None
        self.pid = pid
        self.is_lost = False  #: what is sent goes nowhere
        self.on_lost: Callable[[], object] = lambda: None  #: called when the keeper is gone
        self.ends_with_process = False  #: the keeper is to see this process end, not only this connection

    def greet(self) -> Mapping[str, Any]:
        """Introduce this arbiter, and return what the keeper tells: ``pid``, ``role``, ``deaths``, ``reason``.

        :raises KeeperError: it does not answer, or speaks another version
        """
        self.introduce()
        version, facts = self._expect("welcome")[0]
        if version != VERSION:
            raise KeeperError(f"the keeper speaks version {version} of its protocol, this is version {VERSION}")
        self.pid = facts["pid"]
        return dict(facts)

    def introduce(self) -> None:
        """Introduce this arbiter; without waiting for the keeper, which may still be starting."""
        self.send(("hello", VERSION, self._command))

    def load(self) -> Holding:
        """Return all that the keeper holds; the descriptors are the caller's.

        :raises KeeperError: it does not answer
        """
        holding = Holding()
        self._load_children(holding)
        self._load_descriptors(holding)
        last, has_more = "", True
        while has_more:
            self.send(("list_states", last))
            (states, has_more), _ = self._expect("states")
            holding.states.update(states)
            last = max(states, default="")
        return holding

    def expect(self, operation: str, timeout: float) -> Sequence[Any]:
        """Wait for a message of that name, and return its fields.

        :raises KeeperError: it does not come
        """
        return self._expect(operation, timeout)[0]

    def open(self) -> None:
        """Hand what comes to its handlers, on the running loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._listen(self._loop)

    async def open_again(self, sock: socket.socket, timeout: float) -> None:
        """Talk to another keeper from now on, in the place of the one that is gone.

        :param timeout: seconds that it may take to come up
        :raises KeeperError: it does not
        """
        loop = asyncio.get_running_loop()
        self._greeted = greeted = loop.create_future()
        self._handlers["welcome"] = lambda fields, _: None if greeted.done() else greeted.set_result(fields)
        self._channel = Channel(sock, TO_ARBITER)
        self.is_lost = False
        loop.add_reader(self._channel.fileno(), self._receive)
        self.introduce()
        try:
            async with asyncio.timeout(timeout):
                version, facts = await greeted
            if version != VERSION:
                raise KeeperError(f"it speaks version {version} of its protocol, this is version {VERSION}")
        except TimeoutError:
            self._let_go()
            raise KeeperError(f"it does not answer for {timeout:g} s") from None
        except KeeperError:
            self._let_go()
            raise
        finally:
            self._greeted = None
        self.pid = facts["pid"]
        loop.remove_reader(self._channel.fileno())
        self._listen(loop)

    def on(self, operation: str, handler: Handler) -> None:
        """Have *handler* called with each message of that name."""
        self._handlers[operation] = handler

    def pause(self) -> None:
        """Say and hear nothing, until :meth:`go_on`, but who is served: it is another arbiter."""
        self._is_paused = True

    def go_on(self) -> None:
        """Say and hear everything again."""
        self._is_paused = False

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send *message*: when this returns the kernel has it, and our death does not undo it.

        Lost when the keeper is gone, which is heard of soon.

        :raises OSError: one of *fds* is not open
        """
        if self.is_lost or (self._is_paused and message[0] not in _OF_SUCCESSION):
            return
        try:
            self._channel.send_now(message, fds)
        except ClosedError:
            self._lost()

    def close(self) -> None:
        """Let go of it. May be called twice."""
        self._let_go(closes=not self.ends_with_process)
        self._loop = None

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear what the keeper says, and of its end.

        What it forked has the connection open until it runs its program, so only the process tells for sure.
        """
        loop.add_reader(self._channel.fileno(), self._receive)
        with suppress(OSError):  # it is gone: the connection tells it
            self._pidfd = os.pidfd_open(self.pid)
            loop.add_reader(self._pidfd, self._ended)

    def _ended(self) -> None:
        """Take what the keeper said last."""
        while self._loop is not None and not self.is_lost and self._receive():
            pass
        self._lost()

    def _let_go(self, *, closes: bool = True) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        if self._loop is not None:
            self._loop.remove_reader(self._channel.fileno())
            if self._pidfd >= 0:
                self._loop.remove_reader(self._pidfd)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if closes:
            self._channel.close()

    def _load_children(self, holding: Holding) -> None:
        last, has_more = 0, True
        while has_more:
            self.send(("list_children", last))
            (records, has_more), fds = self._expect("children")
            for record in records:
                last = record["child"]
                pidfd = fds.pop(0) if record["has_pidfd"] else -1
                holding.children.append((record, pidfd, {number: fds.pop(0) for number in record["pipes"]}))

    def _load_descriptors(self, holding: Holding) -> None:
        last, has_more = "", True
        while has_more:
            self.send(("list_descriptors", last))
            (page, has_more), fds = self._expect("descriptors")
            for (name, number, metadata), fd in zip(page, fds, strict=True):
                holding.descriptors[name] = number, metadata, fd
                last = name

    def _expect(self, operation: str, timeout: float = _PATIENCE) -> tuple[Sequence[Any], list[int]]:
        try:
            while True:
                message, fds = self._channel.receive_now(timeout)
                if message[0] == operation:
                    return message[1:], fds
                self._handle(message, fds)
        except (ClosedError, WireError) as exc:
            raise KeeperError(f"no {operation!r} from the keeper: {exc}") from exc

    def _receive(self) -> bool:
        """Take what came; ``False`` when that was all."""
        try:
            for _ in range(_BURST):
                received = self._channel.receive()
                if received is None or self._loop is None:
                    return False
                self._handle(*received)
        except ClosedError:
            self._lost()
            return False
        except WireError as exc:
            logger.error("the keeper (pid %d) is not understood: %s", self.pid, exc)
            self._lost()
            return False
        return True

    def _handle(self, message: Message, fds: list[int]) -> None:
        handler = self._handlers.get(message[0])
        if handler is None or (self._is_paused and message[0] not in _OF_SUCCESSION):
            close_all(fds)
        else:
            handler(message[1:], fds)

    def _lost(self) -> None:
        if not self.is_lost:
            self._let_go()
            if self._greeted is None:
                self.on_lost()
            elif not self._greeted.done():
                self._greeted.set_exception(KeeperError("it ended"))


def pass_on(sock: socket.socket) -> int:
    """Return the number of an inheritable duplicate of *sock*, which is closed."""
    fd = os.dup(sock.fileno())
    os.set_inheritable(fd, True)
    sock.close()
    return fd
