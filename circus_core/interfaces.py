"""What an extension implements, what it is handed.

An extension implements an abstract class with few methods (:class:`Command`, :class:`Stream`); what it is
handed is a protocol with fewer (:class:`ArbiterHandle`, :class:`WatcherHandle`, :class:`Terminal`).
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from circus_core._views import (
    Chunk,
    ExtensionInfo,
    Outcome,
    OutputPage,
    OutputSource,
    ProcessView,
    Recovery,
    ReloadPlan,
    ReloadStep,
    SocketView,
    Upgrade,
    WatcherReport,
)
from circus_core.arguments import Property, parse_properties, schema
from circus_core.quick_dataclass import dataclass
from circus_core.states import WatcherState
from circus_core.usage import parse_words, usage_line

if TYPE_CHECKING:
    from circus_core.events import Event
    from circus_core.options import CircusConfig, WatcherConfig

__all__ = [
    "ArbiterHandle", "Change", "Chunk", "Command", "ExtensionInfo", "NoArgs", "Outcome", "OutputPage",
    "OutputSource", "ProcessView", "Recovery", "ReloadPlan", "ReloadStep", "Reply", "SocketView", "Stream",
    "Terminal", "Upgrade", "WatcherHandle", "WatcherReport", "WriteLog",
]  # fmt: skip

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
    def execute(self, arbiter: ArbiterHandle, args: ArgsT) -> Reply | Awaitable[Reply]:
        """Do it, on the daemon's loop, and return the reply's own keys: ``async def``, or ``def`` when nothing is
        awaited, which is answered sooner.

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


class WriteLog(Protocol):
    """Where a stream notes its writes to regular files, so that another process can tell whether they were made."""

    def intend(self, path: str, status: os.stat_result, data: bytes | memoryview) -> None:
        """Note that *data* is about to be appended to the file at *path*, which has *status* now."""

    def done(self, size: int) -> None:
        """Note that the first *size* bytes of it were appended, whole lines."""


class Stream(ABC):
    """Takes the bytes that processes write; never on the event loop.

    Made with the ``*_stream.X`` options of the watcher as keyword arguments. A class that may block
    (``may_block``) is given a writer thread of its own behind a bounded queue.
    """

    may_block: bool = True  #: read after each call: ``False`` promises that ``write`` goes to a regular file
    write_log: WriteLog | None = None  #: set before ``open``, where output is to outlive the daemon
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


Change = Awaitable[Outcome]
"""A change that was accepted: desired is written. Awaiting it returns when it took effect.

Awaiting raises :class:`~circus_core.errors.CommandFailedError` with the reason when it did not. It need not be awaited;
cancelling the wait cancels nothing of the change.
"""


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

    def pids(self) -> list[int]:
        """Return their pids, by wid."""

    def report(self) -> WatcherReport: ...
    @property
    def output_lost(self) -> int:
        """How many bytes its processes printed that no stream took."""

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

    @property
    def recovery(self) -> Recovery:
        """How often it took over from an arbiter that died."""

    @property
    def keeper_replacements(self) -> Recovery:
        """How often another keeper took the place of one that died."""

    @property
    def last_upgrade(self) -> Upgrade: ...

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
    def publish(self, event: Event) -> None:
        """Send an event to whoever is subscribed."""

    async def process_info(self, pids: Sequence[int], *, with_children: bool = True) -> dict[int, dict[str, Any] | str]:
        """Return pid to process-info object (protocol reference, section 9), or to a text when it is gone.

        Sampled off the loop.
        """

    async def read_output(
        self, sources: Sequence[OutputSource], *, lines: int, after: str | None = None, wait: float = 0.0
    ) -> OutputPage:
        """Return what processes printed, as far as it is kept.

        :param lines: how many at most: the last ones, or with *after* about so many of the first ones
        :param after: the cursor of an earlier page: return what came after it
        :param wait: seconds to wait for something to come
        :raises MessageError: *after* is no cursor
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

    async def plan_reload(self) -> ReloadPlan:
        """Read the config file anew and return what it would change.

        :raises MessageError: the file is bad, in all its errors
        """

    async def reload_config(self) -> Change:
        """Read the config file anew and apply the difference.

        :raises MessageError: the file is bad, nothing was changed
        """

    async def restart(self) -> Change:
        """Read the config file anew, stop everything and start again, with the same pid.

        :raises MessageError: the file is bad, nothing was changed
        """

    async def upgrade(self, python: str | None = None, *, timeout: float = 30.0) -> Upgrade:
        """Have another arbiter, of the interpreter *python*, take over within *timeout* seconds; return in that one.

        :raises CommandError: there is no keeper, or the other one failed; this one goes on
        """

    def quit(self) -> Change: ...
