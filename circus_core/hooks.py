"""Calls what hooks into the daemon: hookimpl modules by pluggy, a watcher's own hooks under a deadline."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from circus_core import hookspecs
from circus_core._watcher_hooks import WatcherHooks
from circus_core.hookspecs import PROJECT, VOTES
from circus_core.registry import Group, Registry

__all__ = ["Hooks", "WatcherHooks"]

logger = logging.getLogger("circus")

_Caller = Callable[..., Any]


class Hooks:
    """The hookimpl modules that are installed, called one by one.

    A module with a misspelt hook, an unknown argument, an ``async def`` or no hookimpl at all is left out, and broken
    in the registry from then on.
    """

    def __init__(self, registry: Registry) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for name, implementations in registry.hookimpls().items():
            wrong = self._register(implementations, name)
            if wrong is not None:
                why, fix = wrong
                registry.mark_broken(Group.EXTENSIONS, name, why, fix=fix)
        self._callers = self._find_callers()
        self._failed: set[tuple[str, str]] = set()

    def has(self, name: str) -> bool:
        """Return whether anybody answers the hookspec *name*; costs next to nothing."""
        return name in self._callers

    def notify(self, name: str, **kwargs: Any) -> None:
        """Call every implementation of a notification; one that fails is logged."""
        for plugin, caller in self._callers.get(name, {}).items():
            self._call(name, plugin, caller, kwargs)

    def vote(self, name: str, **kwargs: Any) -> list[Any]:
        """Return the opinions of all implementations of a vote, in the order that they were asked.

        In place of what one raised stands the exception. ``False`` is the last opinion: nobody is asked after it.
        """
        vote = VOTES[name]
        opinions: list[Any] = []
        for plugin, caller in self._callers.get(name, {}).items():
            for opinion in self._call(name, plugin, caller, kwargs):
                opinions.append(opinion)
                if vote.chain and isinstance(opinion, type(kwargs[vote.chain])):
                    kwargs[vote.chain] = opinion
            if opinions and opinions[-1] is False:
                break
        return opinions

    def _call(self, name: str, plugin: str, caller: _Caller, kwargs: Mapping[str, Any]) -> list[Any]:
        try:
            results: list[Any] = caller(**kwargs)
            for result in results:
                _check_result(name, result)
        except (Exception, SystemExit) as exc:
            # The traceback once: what fails at every event must not fill the log.
            is_new = (plugin, name) not in self._failed
            self._failed.add((plugin, name))
            logger.error("extension %s: hook %s failed: %s: %s", plugin, name, type(exc).__name__, exc, exc_info=is_new)
            return [exc]
        return results

    def _register(self, implementations: object, name: str) -> tuple[str, str] | None:
        """Register a module, or return what is wrong with it, and the remedy."""
        try:
            hash(implementations)  # pluggy keeps them in sets
            self._manager.register(implementations, name)
        except Exception as exc:  # looking at a stranger's object may run a stranger's code
            return (
                f"cannot be registered: {' '.join(str(exc).split())}",
                "see the hooks in the docs",
            )
        callers = self._manager.get_hookcallers(implementations) or []
        why = None if callers else ("has no hookimpl", "mark its functions with circus_core.hookspecs.hookimpl")
        for caller in callers:
            for impl in caller.get_hookimpls():
                if impl.plugin is implementations:
                    why = why or _fault(caller, impl)
        if why is not None:
            self._manager.unregister(implementations, name)
        return why

    def _find_callers(self) -> dict[str, dict[str, _Caller]]:
        plugins = self._manager.get_plugins()
        found: dict[str, dict[str, _Caller]] = {}
        for caller in vars(self._manager.hook).values():
            # pluggy keeps them in the reverse of the order in which it calls them.
            for impl in reversed(caller.get_hookimpls()):
                others = plugins - {impl.plugin}
                alone = self._manager.subset_hook_caller(caller.name, others)
                found.setdefault(caller.name, {})[impl.plugin_name] = alone
        return found


def _fault(caller: pluggy.HookCaller, impl: pluggy.HookImpl) -> tuple[str, str] | None:
    if not caller.has_spec():
        if impl.optionalhook:
            return None
        known = [name for name in vars(hookspecs) if name.startswith("circus_")]
        near = difflib.get_close_matches(caller.name, known, n=1)
        return (
            f"answers {caller.name}, which is no hook",
            f"did you mean {near[0]}?" if near else "see the docs for those there are",
        )
    if inspect.iscoroutinefunction(impl.function):
        return f"answers {caller.name} with an async def", "make it a plain function that starts a task"
    return None


def _check_result(name: str, result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("it returned a coroutine; it has to be a plain function that starts a task")
    vote = VOTES.get(name)
    if vote is not None and not isinstance(result, vote.accepts):
        wanted = " or ".join(accepted.__name__ for accepted in vote.accepts)
        raise TypeError(f"it returned {result!r}; return {wanted} or None")
