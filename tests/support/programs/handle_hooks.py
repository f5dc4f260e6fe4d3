"""Hooks that use what they are handed, and note what they saw in the file ``seen``, as JSON."""

from __future__ import annotations

import functools
import inspect
import json
import time
from collections.abc import Callable
from typing import Any


def note(**facts: Any) -> bool:
    with open("seen", "a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")
    return True


def reads(watcher: Any, arbiter: Any, hook_name: str, **extras: Any) -> bool:
    """Read what the documents show."""
    return note(
        hook=hook_name,
        name=watcher.name,
        status=watcher.status(),
        numprocesses=watcher.numprocesses,
        wids={pid: process.wid for pid, process in watcher.processes.items()},
        started=all(process.started <= time.time() for process in watcher.processes.values()),
        colour=watcher._options.get("colour"),
        graceful_timeout=dict(watcher.options())["graceful_timeout"],
        others=sorted(other.name for other in arbiter.iter_watchers()),
        count=arbiter.numwatchers(),
        same=arbiter.get_watcher(watcher.name.upper()) is watcher,
        endpoint=arbiter.endpoint,
    )


def sets_env(watcher: Any, **_: Any) -> bool:
    """Change what the next spawn gets."""
    watcher.env["GIVEN_BY"] = "a hook"
    return True


def grows(watcher: Any, **_: Any) -> bool:
    """Ask for more, wait for nothing."""
    watcher.incr(1)
    return True


def signals_its_process(watcher: Any, pid: int, **_: Any) -> bool:
    """Send a signal to the new process."""
    watcher.send_signal(pid, 0)
    return True


def waits_for_itself(watcher: Any, **_: Any) -> bool:
    """Wait for its own watcher, which waits for it."""
    began = time.monotonic()
    try:
        watcher.incr(1).result(timeout=20)
    except Exception as exc:
        return note(error=str(exc), seconds=time.monotonic() - began)
    return note(error="")


async def awaits_itself(watcher: Any, **_: Any) -> bool:
    """Do the same in a coroutine."""
    began = time.monotonic()
    try:
        await watcher.incr(1)
    except Exception as exc:
        return note(error=str(exc), seconds=time.monotonic() - began)
    return note(error="")


def waits_for_another(arbiter: Any, **_: Any) -> bool:
    """Have another watcher started, and wait until it is."""
    arbiter.get_watcher("other").start().result(timeout=20)
    return note(other=arbiter.get_watcher("other").status())


def _as_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def coroutine(**kwargs: Any) -> Any:
        return function(**kwargs)

    return coroutine


async def awaits_another(arbiter: Any, **_: Any) -> bool:
    """Do the same in a coroutine."""
    await arbiter.get_watcher("other").start()
    return note(other=arbiter.get_watcher("other").status())


for _name, _function in list(vars().items()):
    if inspect.isfunction(_function) and _name in {"reads", "sets_env", "grows", "signals_its_process"}:
        globals()[f"{_name}_later"] = _as_coroutine(_function)
