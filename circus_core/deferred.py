"""Modules that others import and that a program needs later or never: run when something of them is first used.

For programs, which know what they need; in a library nobody could.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any, Final

_LOOK_UP: Final = "__getattr__"  #: what Python calls for a name that a module does not have

_lock = RLock()  # one for all: a module that runs uses others
_needed: list[Callable[[], None]] = []


def defer(*names: str, is_needed: bool) -> None:
    """Have these modules run when something of them is used, not when they are imported; any of them may be missing.

    :param is_needed: :func:`load` runs them
    """
    sys.meta_path.insert(0, _Finder(names, is_needed=is_needed))


def load() -> None:
    """Run those that are needed, to be called when there is time: who tells of an error may be short of descriptors."""
    while _needed:
        _needed.pop()()


class _Finder:
    def __init__(self, names: Sequence[str], *, is_needed: bool) -> None:
        self._names = frozenset(names)
        self._is_needed = is_needed

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader, is_needed=self._is_needed)  # type: ignore[assignment]  # what is asked of one
        return spec


class _Later:
    """Stands for a module's loader when it is imported."""

    def __init__(self, loader: Any, *, is_needed: bool) -> None:
        self.create_module = loader.create_module
        self._loader = loader
        self._is_needed = is_needed

    def exec_module(self, module: ModuleType) -> None:
        names, loader, is_running = vars(module), self._loader, False

        def run() -> None:
            nonlocal is_running
            with _lock:
                if is_running or names.get(_LOOK_UP) is not look_up:
                    return
                is_running = True
                try:
                    loader.exec_module(module)
                finally:
                    is_running = False
                if names[_LOOK_UP] is look_up:  # else it has one of its own
                    del names[_LOOK_UP]

        def look_up(name: str) -> Any:
            run()
            return getattr(module, name)

        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = loader
        names[_LOOK_UP] = look_up
        if self._is_needed:
            _needed.append(run)
