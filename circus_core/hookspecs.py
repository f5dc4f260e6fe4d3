"""Every call that the core makes to hookimpl modules, the extensions of group ``circus.extensions``.

A hookimpl has the name of the hookspec that it answers and takes those of its arguments that it wants::

    from circus_core.hookspecs import hookimpl

    @hookimpl
    def circus_process_exited(watcher, exit_code):
        ...

All of them are called on the daemon's loop: return at once, never block; start a task for what takes time. They are
plain functions: an ``async def`` is refused. Each implementation is called on its own. One that raises is logged with
its name, and the next is called as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pluggy

from circus_core.errors import OptionError
from circus_core.options import SocketConfig, WatcherConfig
from circus_core.quick_dataclass import dataclass
from circus_core.spawner import SpawnRequest

if TYPE_CHECKING:
    from circus_core.config import Config
    from circus_core.events import Event
    from circus_core.interfaces import ArbiterHandle, WatcherHandle
    from circus_core.states import WatcherState, Wid

PROJECT: Final = "circus"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Vote:
    """What a hookspec does with results.

    :param accepts: types of the results that mean something; ``None`` always means no opinion
    :param chain: the argument that a result of its own type replaces for the implementations that are asked later
    :param items: types of what a result that is a list or a tuple holds
    """

    accepts: tuple[type[Any], ...]
    chain: str | None = None
    items: tuple[type[Any], ...] = (object,)


VOTES: Final[Mapping[str, Vote]] = {
    "circus_before_spawn": Vote((bool, SpawnRequest), chain="request"),
    "circus_before_command": Vote((str,)),
    "circus_check_watcher": Vote((list, tuple), items=(OptionError,)),
    "circus_companions": Vote((list, tuple), items=(WatcherConfig, SocketConfig, OptionError)),
    "circus_watcher_options": Vote((Mapping,)),
}
"""The hookspecs that are votes; all others are notifications."""


@hookspec
def circus_watcher_options() -> Mapping[str, type[Any]] | None:
    """Called once, before a configuration is read, to learn which options of watchers an extension reads. A vote.

    The options become rows of the option table: checked in the ini file, by ``set`` and ``add``, told by ``get``.
    They reach the extension in ``watcher.config.extra``; :func:`circus_core.options.read_options` makes an instance of
    the dataclass of them. One that raises, or claims a prefix that is taken, is left out whole.

    :returns: prefix, such as ``hook.tcp_ready``, to a frozen dataclass whose fields are declared with
        :func:`circus_core.options.option`; a field is written ``prefix.field`` in the section of a watcher
    """


@hookspec
def circus_check_watcher(config: WatcherConfig) -> Sequence[OptionError] | None:
    """Called when a watcher was read from a file or changed by a command, before that takes effect. A vote.

    All implementations are asked. One that raises has no opinion. With any error the file is refused, or the command.

    :param config: the watcher as it would be
    :returns: what is wrong with its options; ``None`` or nothing when all is well
    """


@hookspec
def circus_companions(
    config: Config, endpoint: str, pubsub_endpoint: str
) -> Sequence[WatcherConfig | SocketConfig | OptionError] | None:
    """Called when a configuration was read, to learn what runs beside the watchers that are written in it. A vote.

    All implementations are asked, at start and at each reload, so the same configuration has to give the same result:
    a watcher that differs from before is restarted. ``circusd-stats`` joins the watchers this way. One that raises adds
    nothing.

    :param config: the whole of it, frozen
    :param endpoint: where the daemon takes commands, ``""`` for nowhere
    :param pubsub_endpoint: where it publishes events, ``""`` for nowhere
    :returns: watchers and sockets to add to those of *config*, and what is wrong with options of ``[circus]``: with any
        error the configuration is refused; ``None`` for nothing
    """


@hookspec
def circus_daemon_starting(arbiter: ArbiterHandle) -> None:
    """Called when the sockets are bound and commands are taken, before the first watcher starts. A notification."""


@hookspec
def circus_daemon_stopping(arbiter: ArbiterHandle) -> None:
    """Called when the daemon begins to stop, or to restart, before the first watcher stops. A notification."""


@hookspec
def circus_config_read(config: Config) -> None:
    """Called when a configuration was read and found good, before it takes effect. A notification.

    That is at start, at each ``reloadconfig`` and at a ``restart`` of everything.

    :param config: the whole of it, frozen
    """


@hookspec
def circus_watcher_added(arbiter: ArbiterHandle, watcher: WatcherHandle) -> None:
    """Called when a watcher was added, by a command or by ``reloadconfig``, before it starts. A notification."""


@hookspec
def circus_watcher_removed(arbiter: ArbiterHandle, watcher: WatcherHandle) -> None:
    """Called when a watcher was taken out of all listings, before it stops. A notification."""


@hookspec
def circus_watcher_state_changed(watcher: WatcherHandle, old: WatcherState, new: WatcherState) -> None:
    """Called when a watcher went from one state to another. A notification.

    :param old: the state that it left
    :param new: the state that it is in now
    """


@hookspec
def circus_before_spawn(watcher: WatcherHandle, wid: Wid, request: SpawnRequest) -> SpawnRequest | bool | None:
    """Called right before a process is spawned, after the watcher's own ``before_spawn`` hook. A vote.

    Implementations are asked in turn, and each is given the request as the one before it changed it. One that raises
    counts as no opinion: an extension whose limits are a matter of safety catches what it may raise and says ``False``.

    :param wid: the slot that the process will take
    :param request: what will be spawned: ``dataclasses.replace(request, env=..., argv=..., limits=...)`` changes it
    :returns: a changed request to spawn; ``False`` to cancel the spawn and stop the watcher, no other implementation is
        asked then; ``None`` or ``True`` for no opinion
    """


@hookspec
def circus_after_spawn(watcher: WatcherHandle, wid: Wid, pid: int) -> None:
    """Called when a process runs, after the watcher's own ``after_spawn`` hook let it. A notification.

    :param wid: its slot
    """


@hookspec
def circus_process_exited(watcher: WatcherHandle, wid: Wid, pid: int, exit_code: int | None) -> None:
    """Called when a process was reaped, however it ended, before its slot is filled again. A notification.

    :param wid: its slot
    :param exit_code: exit status, or minus the signal number; ``None`` when the system did not tell
    """


@hookspec
def circus_event_published(event: Event) -> None:
    """Called when an event is published, before clients get it. A notification.

    :param event: one of the classes of :mod:`circus_core.events`
    """


@hookspec
def circus_extended_stats(watcher: WatcherHandle, pid: int, stats: dict[str, Any]) -> None:
    """Called when a client asks for the extended statistics of a watcher, for each process. A notification.

    :param stats: the figures of the process so far; add keys to it
    """


@hookspec
def circus_before_command(arbiter: ArbiterHandle, command: str, args: Any) -> str | None:
    """Called before a command runs, after its properties were checked. A vote: every implementation is asked.

    One that raises refuses the command: what decides who may do what must not let everybody in because it is broken.

    :param command: its name
    :param args: its arguments, of the dataclass that the command names as ``args_type``
    :returns: why the command is refused, for the error reply; ``None`` for no opinion
    """
