"""Calls what hooks into the daemon: hookimpl modules by pluggy, a watcher's own hooks under a deadline."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

from circus_core import hookspecs
from circus_core._nearest import nearest
from circus_core._watcher_hooks import WatcherHooks
from circus_core.companions import check_companions
from circus_core.errors import ConfigError, MessageError
from circus_core.hookspecs import PROJECT, VOTES
from circus_core.options import Option, WatcherConfig, extension_rows, table
from circus_core.registry import Group, Registry

if TYPE_CHECKING:
    from circus_core.config import Config

__all__ = ["Hooks", "WatcherHooks"]

logger = logging.getLogger("circus")

_Caller = Callable[..., Any]


class Hooks:
    """The hookimpl modules that are installed, called one by one.

    A module with a misspelt hook, an unknown argument, an ``async def``, no hookimpl at all or options that cannot be
    is left out, and broken in the registry from then on. ``watcher_rows`` is the table of a watcher's options with what
    modules add to it.
    """

    def __init__(self, registry: Registry) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for name, implementations in registry.hookimpls().items():
            wrong = self._register(implementations, name)
            if wrong is not None:
                why, fix = wrong
                registry.mark_broken(Group.EXTENSIONS, name, why, fix=fix)
        self._registry = registry
        self._callers = self._find_callers()
        self._failed: set[tuple[str, str]] = set()
        self.watcher_rows: Mapping[str, Option] = self._find_rows()

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
        return [opinion for _, opinion in self._ask(name, kwargs)]

    def check_config(self, config: Config) -> list[ConfigError]:
        """Return what keeps *config* from being used: extensions that do not load, what extensions find wrong."""
        errors = self._registry.check_config(config)
        for watcher in config.watchers:
            errors += self._asked(watcher)
        errors += check_companions(config, self)
        return [error.at(config.where.get((error.section, error.option))) for error in errors]

    def require(self, config: WatcherConfig) -> None:
        """Refuse a watcher whose streams or hooks do not load, or that an extension finds wrong.

        :raises MessageError: says all that is wrong
        """
        errors = self._registry.check_watcher(config) + self._asked(config)
        if errors:
            raise MessageError("; ".join(str(error) for error in errors))

    def _asked(self, config: WatcherConfig) -> list[ConfigError]:
        opinions = self.vote("circus_check_watcher", config=config) if self.has("circus_check_watcher") else []
        found = (error for opinion in opinions if not isinstance(opinion, Exception) for error in opinion)
        return [ConfigError(f"watcher:{config.name}", e.option, e.value, why=e.why, fix=e.fix) for e in found]

    def _ask(self, name: str, kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield each opinion of a vote, after the name of whose it is."""
        vote = VOTES[name]
        for plugin, caller in self._callers.get(name, {}).items():
            for opinion in self._call(name, plugin, caller, kwargs):
                yield plugin, opinion
                if opinion is False:
                    return
                if vote.chain and isinstance(opinion, type(kwargs[vote.chain])):
                    kwargs[vote.chain] = opinion

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

    def _find_rows(self) -> dict[str, Option]:
        """Return the table of a watcher's options with what modules add to it."""
        found = dict(table(WatcherConfig))
        answers = list(self._ask("circus_watcher_options", {}))
        claims: dict[Any, list[str]] = {}
        for plugin, answer in answers:
            for prefix in () if isinstance(answer, Exception) else answer:
                claims.setdefault(prefix, []).append(plugin)
        for plugin, answer in answers:
            try:
                if isinstance(answer, Exception):
                    raise answer
                self._check_claims(plugin, {prefix: claims[prefix] for prefix in answer})
                rows = [extension_rows(prefix, options_type) for prefix, options_type in answer.items()]
            except Exception as exc:  # what a stranger's code may raise
                self._leave_out(plugin, f"has options that cannot be: {exc}", "see circus_watcher_options in the docs")
                continue
            for more in rows:
                found.update(more)
        return found

    def _check_claims(self, plugin: str, claims: Mapping[str, list[str]]) -> None:
        """Raise :class:`ValueError` when another module claims a prefix too; a built-in one keeps its own."""
        for prefix, claimants in claims.items():
            if claimants != [plugin] and not self._registry.is_built_in(Group.EXTENSIONS, plugin):
                rivals = ", ".join(sorted(repr(name) for name in claimants if name != plugin))
                raise ValueError(f"{prefix!r} is claimed twice, also by extension {rivals}")

    def _leave_out(self, plugin: str, why: str, fix: str) -> None:
        self._manager.unregister(name=plugin)
        self._registry.mark_broken(Group.EXTENSIONS, plugin, why, fix=fix)
        self._callers = self._find_callers()

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
        near = nearest(caller.name, known)
        return (
            f"answers {caller.name}, which is no hook",
            f"did you mean {near}?" if near else "see the docs for those there are",
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
        raise TypeError(f"it returned {result!r}; return {_either(vote.accepts)} or None")
    if vote is not None and isinstance(result, (list, tuple)):
        for item in result:
            if not isinstance(item, vote.items):
                raise TypeError(
                    f"it returned {item!r} in a {type(result).__name__}; return {_either(vote.items)} there"
                )


def _either(types: Iterable[type[Any]]) -> str:
    return " or ".join(one.__name__ for one in types)
