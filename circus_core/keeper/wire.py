"""Messages between an arbiter and the keeper: datagrams with descriptors beside them.

``docs/reference/keeper-protocol.md`` tells what each means.
"""

from __future__ import annotations

import array
import errno
import marshal
import os
import select
from collections import deque
from collections.abc import Iterable, Sequence

from circus_core.keeper.system import socket

TYPE_CHECKING = False  # to import typing takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any, Final

VERSION: Final = 2
MAGIC: Final = b"CK"

INLINE: Final = 64 * 1024  #: bytes; a longer body goes into a memfd, a datagram cannot hold it
LONGEST: Final = 64 * 1024 * 1024  #: bytes of the longest body
MOST_FDS: Final = 200  #: descriptors beside one message; the kernel takes 253
PATIENCE: Final = 10.0  #: seconds that a sender who waits gives the other side

_HEADER: Final = len(MAGIC) + 2  # the version, whether the body is in the first descriptor
_FORMAT: Final = 2  # of marshal: the newest that every Python 3 reads and writes alike, without references
_BUSY: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS})

if TYPE_CHECKING:
    Message = tuple[Any, ...]
else:
    Message = tuple
"""The name of an operation, then its fields, as ``OPERATIONS`` has them."""

TO_KEEPER: Final[dict[str, tuple[type, ...]]] = {
    "hello": (int, list),  # version, command line that starts an arbiter
    "list_children": (int,),  # the next page, after this child
    "list_descriptors": (str,),  # the next page, after this name
    "list_states": (str,),  # the next page, after this name
    "attach": (int,),  # from now on tell of ends and signals; no child gets a number up to this one
    "spawn": (dict, list),  # what to run, (serial, what is its own) of each; the descriptors they refer to beside
    "acknowledge": (int,),  # child
    "store": (str, int, str),  # name, number in children, metadata; the descriptor beside
    "drop": (str,),  # name
    "sync": (int,),  # serial; answered once all before it is done
    "state": (dict,),  # name to blob, an empty one is dropped; all at once
    "ready": (float,),  # it serves; seconds after which an arbiter that does not answer is replaced, 0 for never
    "pong": (),
    "notify": (str,),  # for the service manager
    "detach": (),  # let go of the terminal; /dev/null beside
    "end": (),  # it leaves on purpose, the keeper too
    "adopt": (int, dict),  # child, what is known of it; its pidfd and pipes beside
    "upgrade": (list, float),  # command line of the next arbiter, seconds that it may take; its stderr beside
    "handover": (),  # the old arbiter has let go of everything
    "proven": (),  # the next one has loaded all and can take over
    "failed": (str,),  # the next one cannot, or the old one will not, and why
}
TO_ARBITER: Final[dict[str, tuple[type, ...]]] = {
    "welcome": (int, dict),  # version, facts
    "children": (list, bool),  # records, whether there are more; pidfds and pipes beside
    "descriptors": (list, bool),  # (name, number, metadata), whether there are more; descriptors beside
    "states": (dict, bool),  # name to blob, whether there are more
    "spawned": (list,),  # (serial, child, pid, Unix time, whether its pidfd is beside) of each
    "failed": (int, str, int),  # serial, step, errno
    "synced": (int,),  # serial
    "exits": (list,),  # (child, exit code)
    "signal": (int,),
    "ping": (),
    "handover": (),  # let go of everything: the next arbiter waits for it
    "go": (),  # to the next arbiter: take over
    "stay": (str,),  # to the old one: go on, and why
    "leave": (),  # to the old one: the next one serves
    "settled": (),  # to the next one: the old one leaves
}


class WireError(Exception):
    """What came is no message of this protocol."""


class ClosedError(Exception):
    """The other side is gone."""


def encode(message: Message) -> bytes:
    """Return the body of *message*.

    :raises WireError: it is too long
    """
    body = marshal.dumps(message, _FORMAT)
    if len(body) > LONGEST:
        raise WireError(f"a {message[0]!r} message of {len(body)} bytes is too long; {LONGEST} are the most")
    return body


def decode(body: bytes, operations: dict[str, tuple[type, ...]]) -> Message:
    """Return the message in *body*, checked against *operations*.

    :raises WireError: it is none of them
    """
    try:
        message = marshal.loads(body)
    except (ValueError, EOFError, TypeError) as exc:
        raise WireError(f"no message: {exc}") from exc
    if not isinstance(message, tuple) or not message or message[0] not in operations:
        raise WireError(f"unknown message {message!r:.100}")
    wanted = operations[message[0]]
    if len(message) != len(wanted) + 1 or any(type(f) is not t for f, t in zip(message[1:], wanted, strict=True)):
        raise WireError(f"message with wrong fields {message!r:.100}")
    return message


class Channel:
    """One end of the connection. Never blocks, but in :meth:`send_now`.

    :param sock: a connected ``SOCK_SEQPACKET`` socket, ours from now on
    :param operations: what the other side may send
    """

    def __init__(self, sock: socket.socket, operations: dict[str, tuple[type, ...]]) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._operations = operations
        self._queue: deque[tuple[list[bytes], list[int]]] = deque()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_blocked(self) -> bool:
        """Whether messages wait for room."""
        return bool(self._queue)

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send *message*, or keep it until :meth:`flush`; *fds* stay the caller's.

        :raises ClosedError: the other side is gone
        :raises OSError: one of *fds* is not open
        """
        parts, passed, own = _frame(encode(message), fds)
        try:
            if not self._queue and self._try(parts, passed):
                return
            self._queue.append((parts, [os.dup(fd) for fd in passed]))
        finally:
            if own >= 0:
                os.close(own)

    def send_now(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send *message*, and wait until the kernel has it: from then on our death does not undo it.

        :raises ClosedError: the other side is gone, or takes nothing for :data:`PATIENCE` seconds
        """
        self.send(message, fds)
        while self._queue:
            if not select_writable(self.fileno(), PATIENCE):
                raise ClosedError(f"the other side takes nothing for {PATIENCE:g} s")
            self.flush()

    def flush(self) -> None:
        """Send what waits, as far as there is room.

        :raises ClosedError: the other side is gone
        """
        while self._queue and self._try(*self._queue[0]):
            for fd in self._queue.popleft()[1]:
                os.close(fd)

    def receive(self) -> tuple[Message, list[int]] | None:
        """Return the next message with its descriptors, the caller's to close; ``None`` when none is there.

        There are fewer of them than were sent when this process may open no more.

        :raises ClosedError: the other side is gone, and all that it sent was received
        :raises WireError: it is no message
        """
        try:
            # One more for the memfd of a long body.
            data, ancillary, flags, _ = self._socket.recvmsg(
                INLINE + _HEADER, socket.CMSG_SPACE((MOST_FDS + 1) * 4), socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except ConnectionResetError:  # it left something unread; what it sent is there all the same
            return self.receive()
        except OSError as exc:
            raise ClosedError(str(exc)) from exc
        fds = _descriptors(ancillary)
        try:
            if not data:
                raise ClosedError("the other side is gone")
            if flags & socket.MSG_TRUNC:
                raise WireError("a message was cut off: its sender has another version")
            return decode(_body(data, fds), self._operations), fds
        except BaseException:
            close_all(fds)
            raise

    def receive_now(self, timeout: float) -> tuple[Message, list[int]]:
        """Wait for the next message and return it with its descriptors.

        :raises ClosedError: the other side is gone, or silent for *timeout* seconds
        """
        while (received := self.receive()) is None:
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            if not poll.poll(timeout * 1000):
                raise ClosedError(f"the other side is silent for {timeout:g} s")
        return received

    def close(self) -> None:
        """Let go of it, and of what waits. May be called twice."""
        while self._queue:
            close_all(self._queue.popleft()[1])
        self._socket.close()

    def _try(self, parts: list[bytes], fds: Sequence[int]) -> bool:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self._socket.sendmsg(parts, ancillary, socket.MSG_NOSIGNAL)
        except OSError as exc:
            if exc.errno in _BUSY:
                return False
            if exc.errno == errno.EBADF and self._socket.fileno() >= 0:  # one of the descriptors, not the socket
                raise
            raise ClosedError(str(exc)) from exc
        return True


def select_writable(fd: int, timeout: float) -> bool:
    """Wait until *fd* takes something; ``False`` after *timeout* seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout * 1000))


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)


def _frame(body: bytes, fds: Sequence[int]) -> tuple[list[bytes], list[int], int]:
    """Return what to send: the parts, the descriptors, the one of them that is ours or -1."""
    if len(fds) > MOST_FDS:
        raise WireError(f"{len(fds)} descriptors beside a message; {MOST_FDS} are the most")
    if len(body) <= INLINE:
        return [MAGIC + bytes((VERSION, 0)), body], list(fds), -1
    memory = os.memfd_create("circus-message", os.MFD_CLOEXEC)
    view = memoryview(body)
    while view:
        view = view[os.write(memory, view) :]
    return [MAGIC + bytes((VERSION, 1))], [memory, *fds], memory


def _body(data: bytes, fds: list[int]) -> bytes:
    if data[:2] != MAGIC or len(data) < _HEADER:
        raise WireError("no message of the keeper's protocol")
    if data[2] != VERSION:
        raise WireError(f"version {data[2]} of the keeper's protocol; this is version {VERSION}")
    if not data[3]:
        return data[_HEADER:]
    if not fds:
        raise WireError("a long message without its body")
    memory = fds.pop(0)
    try:
        size = os.fstat(memory).st_size
        if size > LONGEST:
            raise WireError(f"a message of {size} bytes; {LONGEST} are the most")
        return os.pread(memory, size, 0)
    finally:
        os.close(memory)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return list(fds)
