"""Answers every hookspec: notes the call with its facts as a line of JSON in ``$DEMO_NOTES``, takes part in votes."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circus_core.config import Config
from circus_core.errors import OptionError
from circus_core.events import Event
from circus_core.hookspecs import hookimpl
from circus_core.interfaces import ArbiterHandle, WatcherHandle
from circus_core.options import OnChange, WatcherConfig, kinds, option, read_options
from circus_core.spawner import SpawnRequest
from circus_core.states import WatcherState


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a watcher may say to this extension."""

    colour: str = option(kinds.NAME, "blue", "Colour of its processes.", on_change=OnChange.RELOAD)
    size: int = option(kinds.INT, 3, "Size of its processes.", on_change=OnChange.NOTHING)
    is_denied: bool = option(kinds.BOOL, False, "Whether no process may be spawned.", on_change=OnChange.NOTHING)


def note(spec: str, **facts: Any) -> None:
    with open(os.environ["DEMO_NOTES"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"spec": spec, **facts}) + "\n")


def options_of(config: WatcherConfig) -> Options:
    return read_options(Options, "demo", config.extra)


@hookimpl
def circus_watcher_options() -> Mapping[str, type[Any]]:
    note("circus_watcher_options")
    return {"demo": Options}


@hookimpl
def circus_check_watcher(config: WatcherConfig) -> Sequence[OptionError]:
    options = options_of(config)
    note("circus_check_watcher", watcher=config.name)
    if options.colour == "grey" and options.size > 5:
        return [OptionError("demo.colour", "grey", why="too dull for this size", fix="write blue")]
    return []


@hookimpl
def circus_companions(config: Config, endpoint: str, pubsub_endpoint: str) -> Sequence[WatcherConfig] | None:
    note("circus_companions", endpoint=endpoint, pubsub_endpoint=pubsub_endpoint)
    twins = [watcher for watcher in config.watchers if watcher.name == "twin"]
    return [dataclasses.replace(watcher, name="companion of twin") for watcher in twins]


@hookimpl
def circus_daemon_starting(arbiter: ArbiterHandle) -> None:
    note("circus_daemon_starting", states=[watcher.state.value for watcher in arbiter.watchers()])


@hookimpl
def circus_daemon_stopping(arbiter: ArbiterHandle) -> None:
    note("circus_daemon_stopping", states=[watcher.state.value for watcher in arbiter.watchers()])


@hookimpl
def circus_config_read(config: Config) -> None:
    note("circus_config_read", watchers=[watcher.name for watcher in config.watchers])


@hookimpl
def circus_watcher_added(arbiter: ArbiterHandle, watcher: WatcherHandle) -> None:
    note("circus_watcher_added", watcher=watcher.name, is_listed=watcher in arbiter.watchers())


@hookimpl
def circus_watcher_removed(arbiter: ArbiterHandle, watcher: WatcherHandle) -> None:
    listed = watcher in arbiter.watchers()
    note("circus_watcher_removed", watcher=watcher.name, is_listed=listed, processes=len(watcher.processes()))


@hookimpl
def circus_watcher_state_changed(watcher: WatcherHandle, old: WatcherState, new: WatcherState) -> None:
    note("circus_watcher_state_changed", watcher=watcher.name, old=old.value, new=new.value)


@hookimpl
def circus_before_spawn(watcher: WatcherHandle, wid: int, request: SpawnRequest) -> SpawnRequest | bool:
    options = options_of(watcher.config)
    note("circus_before_spawn", watcher=watcher.name, wid=wid)
    if options.is_denied:
        return False
    return dataclasses.replace(
        request,
        argv=(*request.argv, options.colour),
        env={**request.env, "DEMO_SIZE": str(options.size)},
        limits={**request.limits, resource.RLIMIT_CORE: (0, 0)},
    )


@hookimpl
def circus_after_spawn(watcher: WatcherHandle, wid: int, pid: int) -> None:
    note("circus_after_spawn", watcher=watcher.name, wid=wid, pid=pid)


@hookimpl
def circus_process_exited(watcher: WatcherHandle, wid: int, pid: int, exit_code: int | None) -> None:
    note("circus_process_exited", watcher=watcher.name, wid=wid, pid=pid, exit_code=exit_code)


@hookimpl
def circus_event_published(event: Event) -> None:
    note("circus_event_published", topic=event.topic, payload=event.payload())


@hookimpl
def circus_extended_stats(watcher: WatcherHandle, pid: int, stats: dict[str, Any]) -> None:
    note("circus_extended_stats", watcher=watcher.name, pid=pid)
    stats["colour"] = options_of(watcher.config).colour


@hookimpl
def circus_before_command(arbiter: ArbiterHandle, command: str, args: Any) -> str | None:
    note("circus_before_command", command=command, args=dataclasses.asdict(args))
    return f"{args.name} is not to be removed" if command == "rm" else None
