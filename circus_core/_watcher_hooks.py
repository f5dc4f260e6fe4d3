"""The hooks that a watcher's ``hooks.*`` options name, and their rules."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from circus_core._hook_call import HookCall
from circus_core.errors import CommandFailedError
from circus_core.events import Event, HookFailed, HookSucceeded
from circus_core.faces import Bare, Faces, hook_of

if TYPE_CHECKING:
    from circus_core.interfaces import ArbiterHandle, WatcherHandle
    from circus_core.options import WatcherConfig
    from circus_core.registry import Registry

logger = logging.getLogger("circus")

_TOLERANT: Final = frozenset(
    {"before_stop", "after_stop", "before_signal", "after_signal", "before_reap", "after_reap"}
)
"""The hooks whose exceptions count as success without the flag, too."""
_TAKE: Final[Mapping[str, Callable[[Any], Any]]] = {"extended_stats": lambda result: None}
"""What is made of the results of hooks that do not decide."""


class WatcherHooks:
    """A watcher's own hooks.

    Each is called with the keywords ``watcher``, ``arbiter``, ``hook_name`` and those of its kind: a coroutine function
    on the loop, any other in a thread of its own. After ``hook_timeout`` it counts as one that raised.

    :param faces: says what a hook is given as ``watcher`` and ``arbiter``
    :raises ExtensionError: an option names what cannot be loaded
    """

    def __init__(
        self,
        config: WatcherConfig,
        *,
        registry: Registry,
        publish: Callable[[Event], None],
        watcher: WatcherHandle,
        arbiter: ArbiterHandle,
        faces: Faces | None = None,
    ) -> None:
        self._name = config.name
        self._publish = publish
        self._watcher = watcher
        self._arbiter = arbiter
        self._faces = faces or Bare()
        self._calls = {
            name: HookCall(registry.hook(hook.target), config.hook_timeout, _TAKE.get(name, bool))
            for name, hook in config.hooks.items()
        }
        self._errors: dict[str, str] = {}
        self._ignored = _TOLERANT.union(name for name, hook in config.hooks.items() if hook.ignore_failure)

    def calls(self, name: str) -> bool:
        """Return whether there is a hook of that name."""
        return name in self._calls

    async def call(self, name: str, **extras: Any) -> bool:
        """Call the hook *name* and return whether what it is about goes on, ``True`` without a hook.

        ``None`` refuses as ``False`` does. An exception refuses, unless the option's flag or the kind of hook says
        otherwise. The hook's success or failure is published.
        """
        if name not in self._calls:
            return True
        try:
            goes_on: bool = await self._run(name, extras)
        except Exception as exc:
            self._log(name)
            self._errors[name] = _said(exc)
            self._publish(HookFailed(watcher=self._name, name=name, error=self._errors[name]))
            return name in self._ignored
        self._errors.pop(name, None)
        self._publish(HookSucceeded(watcher=self._name, name=name))
        return goes_on

    def verdict(self, name: str) -> str:
        """Return why the hook *name* kept something from going on when it was called last."""
        error = self._errors.get(name)
        return f"hook {name} refused" if error is None else f"hook {name} failed: {error}"

    async def extend_stats(self, pid: int, stats: dict[str, Any]) -> None:
        """Let the hook ``extended_stats`` add to *stats*; no event tells of it.

        The hook changes a copy: one that is late cannot change what was replied.

        :raises CommandFailedError: it raised
        """
        if "extended_stats" not in self._calls:
            return
        copy = dict(stats)
        try:
            await self._run("extended_stats", {"pid": pid, "stats": copy})
        except Exception as exc:
            self._log("extended_stats")
            if "extended_stats" in self._ignored:
                return
            raise CommandFailedError(f"hook extended_stats of watcher {self._name!r} failed: {_said(exc)}") from exc
        stats.clear()
        stats.update(copy)

    async def _run(self, name: str, extras: dict[str, Any]) -> Any:
        watcher, arbiter = self._faces.of(self._watcher, self._arbiter)
        token = hook_of.set(self._watcher)
        try:
            return await self._calls[name].run(watcher=watcher, arbiter=arbiter, hook_name=name, **extras)
        finally:
            hook_of.reset(token)

    def _log(self, name: str) -> None:
        logger.exception("watcher %s: hook %s failed", self._name, name)


def _said(exc: Exception) -> str:
    try:
        return str(exc) or type(exc).__name__
    except Exception:  # a stranger's class
        return type(exc).__name__
