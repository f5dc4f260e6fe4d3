"""The Spawner seam: who creates children, who tells of their exits.

The arbiter asks for children by frozen messages and never assumes that it is
their parent. ``DirectSpawner`` serves from the same process, the keeper from
another one; both pass the same contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Protocol, runtime_checkable

from circus_core.quick_dataclass import dataclass
from circus_core.states import ChildId


class Stdio(Enum):
    """What a child gets as one of its three standard descriptors."""

    INHERIT = "inherit"  # the one that circusd itself was born with
    NULL = "null"  # /dev/null
    PIPE = "pipe"  # a pipe whose read end comes back in Spawned


@dataclass(frozen=True, slots=True)
class StoredFd:
    """A descriptor that the Spawner holds under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class OpenFd:
    """A descriptor that the caller has open; it stays the caller's, who may close it once ``spawn`` returned."""

    fd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who a child runs as; ``None`` leaves that part as it is.

    :param groups: supplementary groups; ``None`` leaves them as they are
    """

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnRequest:
    """All there is to know about a child to create.

    :param argv: the words of the command; the program is looked up in ``PATH`` of *env*, else in
        ``/bin:/usr/bin``, relative to *cwd*
    :param executable: run this program instead of ``argv[0]``, which stays the name shown
    :param env: the child's whole environment
    :param cwd: working directory; ``None`` for the Spawner's own
    :param umask: file mode mask; ``None`` for the Spawner's own
    :param limits: ``RLIMIT_*`` number to (soft, hard), ``-1`` for infinity
    :param stdin: what descriptor 0 is
    :param stdout: what descriptor 1 is
    :param stderr: what descriptor 2 is
    :param fds: descriptor number in the child to the descriptor that it gets; no other is open above 2
    :param listen_pid: set ``LISTEN_PID`` to the child's own pid
    :param label: opaque text that the Spawner keeps with the child and tells to a next arbiter

    A child leads a session of its own, has default signal handlers, an empty signal mask, and the
    descriptor limit that circusd was born with.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    executable: str | None = None
    cwd: str | None = None
    umask: int | None = None
    credentials: Credentials | None = None
    limits: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    stdin: Stdio | StoredFd | OpenFd = Stdio.NULL
    stdout: Stdio | StoredFd | OpenFd = Stdio.INHERIT
    stderr: Stdio | StoredFd | OpenFd = Stdio.INHERIT
    fds: Mapping[int, StoredFd | OpenFd] = field(default_factory=dict)
    listen_pid: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A child that runs the program asked for.

    :param started: Unix time of its start
    :param stdout: read end of its pipe, the caller's to close; ``None`` without one
    :param stderr: likewise
    """

    child: ChildId
    pid: int
    started: float
    stdout: int | None = None
    stderr: int | None = None


@dataclass(frozen=True, slots=True)
class SpawnFailure:
    """A child that could not be created; nothing of it is left."""

    error: str
    errno: int | None = None


@dataclass(frozen=True, slots=True)
class Exited:
    """The end of a child.

    :param exit_code: exit status, or minus the signal number; ``None`` when somebody else took it
    """

    child: ChildId
    pid: int
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """A child that the Spawner has, for an arbiter that takes over; *exited* until acknowledged."""

    spawned: Spawned
    label: str
    exited: Exited | None = None


@runtime_checkable
class Spawner(Protocol):
    """Creates children, signals them, tells of their exits, keeps descriptors and state for the next arbiter.

    Every method is called on the loop's thread.
    """

    is_durable: bool
    """Whether children, descriptors and state outlive this process, for a next arbiter to take over."""

    async def open(self, on_exits: Callable[[Sequence[Exited]], None]) -> None:
        """Start; from now on *on_exits* is called on the loop with each batch of ends, at once as they happen.

        The end of a child is told once, and not before the :meth:`spawn` that created it returned.
        """

    async def close(self) -> None:
        """Stop watching and let go of every descriptor. Children are left alone. May be called twice."""

    async def spawn(self, requests: Sequence[SpawnRequest]) -> list[Spawned | SpawnFailure]:
        """Create children and return one answer for each request, in order.

        Yields to the loop between children, so that a long batch holds up nobody. Not to be cancelled.
        """

    def signal(self, child: ChildId, signum: int) -> bool:
        """Send *signum* to the child; ``False`` when it is gone.

        :raises PermissionError: the system refuses
        """

    def acknowledge(self, child: ChildId) -> None:
        """Forget a child whose :class:`Exited` was received and acted upon."""

    def children(self) -> list[ChildRecord]:
        """Return every child that was not acknowledged, oldest first."""

    def store_fd(self, name: str, fd: int, metadata: str = "") -> int:
        """Keep a duplicate of *fd* under *name*, replacing an older one.

        :returns: the number that it has in every child that is given it, for as long as it is stored
        """

    def drop_fd(self, name: str) -> None:
        """Close what is stored under *name*; nothing happens when there is none."""

    async def sync(self) -> None:
        """Return once all that was asked for before has been done, such as to close a descriptor that was dropped."""

    def stored_fds(self) -> dict[str, tuple[int, str]]:
        """Return name to (number in children, metadata) of every stored descriptor."""

    def fetch_fd(self, name: str) -> int:
        """Return a new close-on-exec duplicate of a stored descriptor, the caller's to close.

        :raises KeyError: nothing is stored under *name*
        """

    def store_state(self, name: str, blob: bytes) -> None:
        """Keep *blob* under *name*, replacing an older one; an empty one is dropped."""

    def store_states(self, blobs: dict[str, bytes]) -> None:
        """Keep several blobs, all or none of them, as :meth:`store_state` does."""

    def stored_state(self) -> dict[str, bytes]:
        """Return every stored blob by name."""
