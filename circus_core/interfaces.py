"""What an extension implements, what it is handed.

An extension implements an abstract class with few methods (:class:`Command`, :class:`Stream`); what it is
handed is a protocol with fewer (:class:`ArbiterHandle`, :class:`WatcherHandle`, :class:`Terminal`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from circus_core.arguments import Property, parse_properties, schema
from circus_core.states import ProcessState, WatcherState, Wid
from circus_core.usage import parse_words, usage_line

if TYPE_CHECKING:
    from circus_core.options import CircusConfig, WatcherConfig

Reply = dict[str, Any]
"""The keys that a command adds to its reply's envelope."""

ArgsT = TypeVar("ArgsT")


@dataclass(frozen=True, slots=True)
class NoArgs:
    """The arguments of a command that has none."""


class Command(ABC, Generic[ArgsT]):
    """One command: what it does in the daemon, how the terminal shows its reply.

    The class docstring is its help: the first line stands in the list of commands. ``args_type`` is a frozen
    dataclass whose fields are written with :func:`circus_core.arguments.arg`.
    """

    name: ClassVar[str]
    args_type: ClassVar[type[Any]] = NoArgs
    reads_only: ClassVar[bool] = False  #: changes nothing

    @property
    def properties(self) -> tuple[Property, ...]:
        """Its properties, in the order that they are checked."""
        return schema(self.args_type)

    @property
    def usage(self) -> str:
        """The words that it takes on a command line, as in ``<name> [nb] [--waiting]``."""
        return usage_line(self.properties)

    def parse_words(self, words: Sequence[str]) -> ArgsT:
        """Return the arguments that the *words* behind it on a command line give.

        :raises UsageError: they make no sense
        """
        args: ArgsT = parse_properties(self.args_type, parse_words(self.properties, words))
        return args

    @abstractmethod
    async def execute(self, arbiter: ArbiterHandle, args: ArgsT) -> Reply:
        """Do it, on the daemon's loop, and return the reply's own keys.

        Validate, then change what is desired, before the first ``await``: commands take effect in the order of
        their arrival. Await the :class:`Change` that a method returned only when ``args.waiting``; without it
        reply at once.

        :raises CommandError: becomes the error reply
        """

    def format_reply(self, reply: Reply) -> str:
        """Return the text that ``circusctl`` prints for a reply that is no error, without a final newline."""
        return "ok"

    def format_error(self, reply: Reply) -> str:
        """Return the text that ``circusctl`` prints on standard error for an error reply."""
        return f"error: {reply.get('reason', 'unknown')}"

    def run(self, terminal: Terminal, args: ArgsT) -> int:
        """Do the command in ``circusctl`` and return its exit code.

        The default sends it and shows the reply; a command that works otherwise (``listen``) overrides it.
        """
        return terminal.send_and_show(self, args)


class Terminal(Protocol):
    """What a command's terminal half is handed by ``circusctl``."""

    endpoint: str
    timeout: float  #: seconds to wait for a reply
    is_json: bool  #: ``--json`` was given

    def call(self, command: str, properties: Mapping[str, Any]) -> Reply:
        """Send a command and return the whole reply, an error reply too.

        :raises CallError: no reply in time
        """

    def send_and_show(self, command: Command[Any], args: Any) -> int:
        """Send *command*, print its reply and return the exit code."""

    def events(self, topics: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """Yield topic and JSON text of each event whose topic starts with one of *topics*, without end.

        :raises CallError: the endpoint cannot be used
        """

    def show(self, text: str) -> None:
        """Print a line on standard output."""

    def show_error(self, text: str) -> None:
        """Print ``error: <text>`` on standard error."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines that one process wrote.

    :param data: the bytes; end with a newline unless the process ended or stalled in the middle of a line
    :param name: ``stdout`` or ``stderr``
    :param time: Unix time at which they were read
    """

    data: bytes
    pid: int
    name: str
    watcher: str
    wid: int
    time: float


class Stream(ABC):
    """Takes the bytes that processes write; never on the event loop.

    Made with the ``*_stream.X`` options of the watcher as keyword arguments. A class that may block
    (``may_block``) is given a writer thread of its own behind a bounded queue.
    """

    may_block: bool = True  #: read after each call: ``False`` promises that ``write`` goes to a regular file
    takes_raw: bool = False  #: read with ``may_block``: ``write_raw`` is called in place of ``write``

    def open(self) -> None:
        """Get ready; called before the first chunk and after each ``close``."""

    @abstractmethod
    def write(self, chunk: Chunk) -> None:
        """Take *chunk*. What this raises counts as a fault of the stream, and the chunk as lost.

        :raises ShortWriteError: the chunk was taken in part
        """

    def write_raw(self, lines: memoryview) -> None:
        """Take lines whose origin does not matter, without a copy: *lines* is valid during the call only.

        Called only while ``may_block`` is ``False`` and ``takes_raw`` is ``True``; raises as ``write`` does.
        """
        raise TypeError(f"{type(self).__name__} says takes_raw and has no write_raw")

    def reopen(self) -> None:
        """Open the target anew, as log rotation expects after it moved a file."""

    def close(self) -> None:
        """Let go of everything. May be called twice."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process of a watcher at one moment.

    :param started: Unix time of its start
    """

    wid: Wid
    pid: int
    started: float
    state: ProcessState


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change came to, pids sorted.

    :param superseded_by: name of a later command that overtook this one, ``None`` when it took effect itself
    """

    started: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    stopped: tuple[int, ...] = ()
    superseded_by: str | None = None


Change = Awaitable[Outcome]
"""A change that was accepted: desired is written. Awaiting it returns when it took effect.

Awaiting raises :class:`~circus_core.errors.CommandFailedError` with the reason when it did not. It need not be awaited;
cancelling the wait cancels nothing of the change.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherReport:
    """Why a watcher is where it is, for ``status --long``.

    :param since: Unix time of the last change of state
    :param reason: why it stopped when nobody asked for it
    :param last_exit: ``{"pid", "wid", "exit_code", "time"}`` of the process that ended last
    :param retries: failed tries in a row, of the worst slot
    :param next_try: Unix time before which a paced slot is not filled
    """

    state: WatcherState
    since: float
    numprocesses: int
    processes: int
    reason: str | None = None
    last_exit: Mapping[str, Any] | None = None
    last_error: str | None = None
    retries: int = 0
    next_try: float | None = None
    restarts: int = 0


class WatcherHandle(Protocol):
    """A watcher, as commands and hookimpls see it. Methods that change return at once."""

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> WatcherConfig:
        """Its effective configuration, with what commands changed."""

    @property
    def state(self) -> WatcherState: ...
    @property
    def numprocesses(self) -> int:
        """How many processes are desired."""

    def processes(self) -> list[ProcessView]:
        """Return the processes that are not dead, by wid."""

    def report(self) -> WatcherReport: ...
    def options(self) -> dict[str, Any]:
        """Return option name to value as ``options`` replies them, free-form ones included."""

    def option(self, name: str) -> Any:
        """Return one option as ``get`` replies it: one of :meth:`options` or another that ``set`` takes.

        :raises MessageError: there is none of that name
        """

    def start(self) -> Change: ...
    def stop(self) -> Change: ...
    def restart(self) -> Change: ...
    def reload(self, *, graceful: bool = True, sequential: bool = False) -> Change: ...
    def resize(self, numprocesses: int) -> Change:
        """Desire another number of processes; a singleton keeps its own, less than none is none."""

    def kill(
        self, pid: int | None = None, *, signum: int | None = None, graceful_timeout: float | None = None
    ) -> Change:
        """Stop its processes, or the one with *pid*; they are replaced. A foreign *pid* does nothing."""

    def signal(
        self,
        signum: int,
        pid: int | None = None,
        *,
        childpid: int | None = None,
        children: bool = False,
        recursive: bool = False,
    ) -> None:
        """Send a signal to its processes; who gets it stands in the protocol reference, section 11.

        :raises MessageError: no such process or child
        """

    async def extend_stats(self, pid: int, stats: dict[str, Any]) -> None:
        """Let the watcher's ``extended_stats`` hook add to the figures of one of its processes.

        :raises CommandError: the hook raised
        """

    def set_options(self, options: Mapping[str, Any]) -> Change:
        """Check all of *options* as the ``set`` command does, then apply them.

        :raises MessageError: one cannot be set; nothing was changed
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketView:
    """A managed socket; *fd* is its number in every child."""

    fd: int
    name: str
    backlog: int
    host: str | None = None
    port: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionInfo:
    """One extension that is installed.

    :param state: ``loaded``, ``available``, ``broken`` or ``disabled``
    :param error: why it is broken
    """

    group: str
    name: str
    distribution: str
    version: str
    state: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStep:
    """What a new configuration does to one watcher or socket.

    :param what: ``watcher:NAME`` or ``socket:NAME``
    :param action: ``keep``, ``change`` (hot), ``restart``, ``add`` or ``remove``
    :param options: the options that differ
    :param pids: processes that it costs
    """

    what: str
    action: str
    options: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadPlan:
    """All that ``reloadconfig`` would do; *restarts_daemon* names the ``[circus]`` options that need it."""

    steps: tuple[ReloadStep, ...] = field(default=())
    restarts_daemon: tuple[str, ...] = ()


class ArbiterHandle(Protocol):
    """The daemon, as commands and hookimpls see it. Methods that change return at once."""

    @property
    def config(self) -> CircusConfig: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def pubsub_endpoint(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def is_stopping(self) -> bool:
        """Whether it takes no command any more that changes something."""

    def watchers(self) -> Sequence[WatcherHandle]:
        """Return all watchers, in the order of the configuration, added ones last."""

    def watcher(self, name: str) -> WatcherHandle:
        """Return the watcher of that name, whatever its case.

        :raises UnknownWatcherError: there is none
        """

    def matching(self, pattern: str, how: str = "glob") -> Sequence[WatcherHandle]:
        """Return the watchers whose name matches, at least one.

        :param how: ``glob``, ``regex`` or ``simple``
        :raises MessageError: *how* is none of them, *pattern* is a bad regex
        :raises UnknownWatcherError: none matches
        """

    def sockets(self) -> list[SocketView]:
        """Return the managed sockets, by number."""

    def commands(self) -> Mapping[str, Command[Any]]:
        """Return the daemon's commands by name."""

    def extensions(self) -> list[ExtensionInfo]: ...
    async def process_info(self, pids: Sequence[int], *, with_children: bool = True) -> dict[int, dict[str, Any] | str]:
        """Return pid to process-info object (protocol reference, section 9), or to a text when it is gone.

        Sampled off the loop.
        """

    def parse_watcher(
        self, name: str, cmd: str, args: Any = None, options: Mapping[str, Any] | None = None
    ) -> WatcherConfig:
        """Return the configuration of a watcher given by command.

        :raises MessageError: an option is unknown or has a wrong value
        """

    def add_watcher(self, config: WatcherConfig, *, start: bool = False) -> Change:
        """Register a watcher, stopped, then start it when asked.

        :raises AlreadyExistsError: the name is taken
        """

    def remove_watcher(self, name: str, *, stop: bool = True) -> Change:
        """Take a watcher out of all listings at once, then stop it, or leave its processes running unmanaged."""

    def start_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> Change:
        """Start several watchers, by priority, but those with ``autostart`` off."""

    def stop_watchers(self, watchers: Sequence[WatcherHandle] | None = None) -> Change: ...
    def restart_watchers(self, watchers: Sequence[WatcherHandle]) -> Change: ...
    def reload_watchers(self, *, graceful: bool = True, sequential: bool = False) -> Change:
        """Reopen log files and streams, then reload all watchers one after the other by priority."""

    def plan_reload(self) -> ReloadPlan:
        """Read the config file anew and return what it would change.

        :raises MessageError: the file is bad, in all its errors
        """

    def reload_config(self) -> Change:
        """Read the config file anew and apply the difference.

        :raises MessageError: the file is bad, nothing was changed
        """

    def restart(self) -> Change:
        """Stop everything, read the config file anew and start again, with the same pid."""

    def quit(self) -> Change: ...
