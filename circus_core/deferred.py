"""Modules that others import and that a program needs later or never: run when something of them is first used.

For programs, which know what they need; in a library nobody could.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

_lock = RLock()  # one for all: a module that runs uses others
_runs: dict[str, Callable[[], None]] = {}  #: name to what runs the module, of those that have not run
_needed: list[_Finder] = []


def defer(*names: str, is_needed: bool) -> None:
    """Have these modules run when something of them is used, not when they are imported; any of them may be missing.

    :param is_needed: until :func:`load` only
    """
    finder = _Finder(names)
    sys.meta_path.insert(0, finder)
    if is_needed:
        _needed.append(finder)


def load() -> None:
    """Run those that are needed, and defer none of them any more.

    To be called when there is time: who tells of an error may be short of descriptors.
    """
    while _needed:
        finder = _needed.pop()
        sys.meta_path.remove(finder)
        for name in finder.names:
            _run(name)


class _Finder:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in self.names else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)  # type: ignore[assignment]  # enough of one
        return spec


class _Later:
    """Stands for a module's loader when it is imported."""

    def __init__(self, loader: Any) -> None:
        self.create_module = loader.create_module
        self._loader = loader

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = loader = self._loader
        names = vars(module)
        before = dict(names)

        def run() -> None:
            given = {name: value for name, value in names.items() if name not in before or before[name] is not value}
            loader.exec_module(module)
            names.update(given)  # somebody has set it before anybody asked for anything
            module.__class__ = ModuleType

        _runs[module.__name__] = run
        module.__class__ = _Waiting


class _Waiting(ModuleType):
    """A module that has not run; who comes while it runs waits."""

    def __getattribute__(self, name: str) -> Any:
        known = ModuleType.__getattribute__(self, "__dict__")
        if not (name.startswith("__") and name in known) and name not in {"__dict__", "__class__"}:
            _run(known["__name__"])
        return ModuleType.__getattribute__(self, name)  # it may be a _Waiting no longer


def _run(name: str) -> None:
    with _lock:
        run = _runs.pop(name, None)
        if run is None:  # it has run, or does, and in this very thread
            return
        try:
            run()
        except BaseException:
            _runs[name] = run
            raise
