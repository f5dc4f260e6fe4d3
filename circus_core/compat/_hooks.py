"""A hook of a watcher, called by the program itself."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from circus_core.events import HookFailed, HookSucceeded
from circus_core.registry import Registry

if TYPE_CHECKING:
    from circus_core.compat._watcher_face import WatcherFace

logger = logging.getLogger("circus")


def call(watcher: WatcherFace, name: str, kwargs: Mapping[str, Any]) -> Any:
    """Call the hook *name* here and now; see :meth:`WatcherFace.call_hook`."""
    target = watcher.hooks.get(name)
    if target is None:
        return True
    function = Registry().hook(target)
    try:
        result = function(watcher=watcher, arbiter=watcher.arbiter, hook_name=name, **kwargs)
    except Exception as exc:
        logger.exception("watcher %s: hook %s failed", watcher.name, name)
        watcher._publish(HookFailed(watcher=watcher.name, time=time.time(), name=name, error=str(exc)))
        return name in watcher.ignore_hook_failure
    if not inspect.isawaitable(result) and name != "extended_stats":
        watcher._publish(HookSucceeded(watcher=watcher.name, time=time.time(), name=name))
    return result
