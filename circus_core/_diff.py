"""What a new configuration changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from circus_core.command_line import names_a_socket
from circus_core.config import Config
from circus_core.options import CircusConfig, OnChange, Option, SocketConfig, WatcherConfig, table
from circus_core.quick_dataclass import dataclass

VOLATILE: Final = frozenset({"__CF_USER_TEXT_ENCODING", "PS1", "COMP_WORDBREAKS", "PROMPT_COMMAND"})
"""Variables whose change is no reason to restart anything."""

_UNSEEN: Final = {"own_env", "is_added"}
_HOT_FIELDS: Final = {"hooks", "extra"}


class Action(Enum):
    """What happens to one watcher or socket; the values are what ``reloadconfig --dry-run`` prints."""

    KEEP = "keep"
    CHANGE = "change"
    RESTART = "restart"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one section.

    :param kind: ``watcher``, also for the one of a plugin, or ``socket``
    :param options: what differs; for a watcher that restarts because of a socket, ``socket:NAME``
    """

    kind: str
    name: str
    action: Action
    options: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The section, such as ``watcher:web``."""
        return self.name if self.name.startswith("plugin:") else f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that a new configuration changes.

    :param steps: one for each section of the two, sockets first, by name
    :param hot: options of ``[circus]`` that differ and can be applied at once
    :param restarts_daemon: those that need everything to start anew; then *steps* do not matter
    """

    steps: tuple[Step, ...] = ()
    hot: tuple[str, ...] = ()
    restarts_daemon: tuple[str, ...] = ()

    def named(self, kind: str, *actions: Action) -> list[str]:
        """Return the names of a kind that have one of *actions*."""
        return [step.name for step in self.steps if step.kind == kind and step.action in actions]


def diff(old: Config, new: Config, watcher_rows: Mapping[str, Option] = table(WatcherConfig)) -> Difference:
    """Return what it takes to get from *old* to *new*.

    :param watcher_rows: the table, with what extensions add to it
    """
    circus = _differing(old.circus, new.circus)
    rows = table(CircusConfig)
    sockets = _steps("socket", old.sockets, new.sockets)
    gone = {step.name for step in sockets if step.action in (Action.RESTART, Action.REMOVE)}
    watchers = _steps("watcher", old.watchers, new.watchers, watcher_rows)
    by_name = {config.name: config for config in new.watchers}
    return Difference(
        steps=(
            *sockets,
            *(_with_sockets(step, by_name.get(step.name), gone) for step in watchers),
        ),
        hot=tuple(name for name in circus if rows[name].on_change is OnChange.NOTHING),
        restarts_daemon=tuple(name for name in circus if rows[name].on_change is not OnChange.NOTHING),
    )


def uses_sockets(config: WatcherConfig, names: Iterable[str]) -> set[str]:
    """Return which of the sockets *names* the processes of a watcher hold."""
    named = names_a_socket(config) | {name.lower() for name in config.listen_fds or ()}
    takes_all = config.use_sockets and not named
    if config.stdin_socket:
        named.add(config.stdin_socket.lower())
    return {name for name in names if takes_all or name in named}


_Named = WatcherConfig | SocketConfig


def _steps(
    kind: str, old: Sequence[_Named], new: Sequence[_Named], rows: Mapping[str, Option] = MappingProxyType({})
) -> list[Step]:
    """Return one step for each name of the two, by name."""
    before = {config.name: config for config in old}
    after = {config.name: config for config in new}
    steps = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            steps.append(Step(kind, name, Action.ADD))
        elif name not in after:
            steps.append(Step(kind, name, Action.REMOVE))
        else:
            options = _differing(before[name], after[name])
            steps.append(Step(kind, name, _action(before[name], after[name], options, rows), options))
    return steps


def _action(old: _Named, new: _Named, options: Sequence[str], rows: Mapping[str, Option]) -> Action:
    if not options:
        return Action.KEEP
    if not isinstance(old, WatcherConfig) or not isinstance(new, WatcherConfig):
        return Action.RESTART
    extra = [key for key in old.extra.keys() | new.extra.keys() if old.extra.get(key) != new.extra.get(key)]
    is_hot = all(name in _HOT_FIELDS or (name in rows and rows[name].on_change is OnChange.NOTHING) for name in options)
    is_hot = is_hot and all(rows[key].on_change is OnChange.NOTHING for key in extra if key in rows)
    return Action.CHANGE if is_hot else Action.RESTART


def _with_sockets(step: Step, config: WatcherConfig | None, gone: set[str]) -> Step:
    """Return *step*, as a restart when the watcher holds a socket that is *gone*."""
    if config is None or step.action not in (Action.KEEP, Action.CHANGE, Action.RESTART):
        return step
    held = tuple(f"socket:{name}" for name in sorted(uses_sockets(config, gone)))
    return dataclasses.replace(step, action=Action.RESTART, options=(*step.options, *held)) if held else step


def _differing(old: Any, new: Any) -> tuple[str, ...]:
    """Return the names of the fields that differ; only *env* tells of the environment."""
    names = (field.name for field in dataclasses.fields(old) if field.name not in _UNSEEN)
    return tuple(name for name in names if _seen(name, getattr(old, name)) != _seen(name, getattr(new, name)))


def _seen(name: str, value: Any) -> Any:
    if name == "env":
        env: Mapping[str, str] = value
        return {key: text for key, text in env.items() if key not in VOLATILE}
    return value
