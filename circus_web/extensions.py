"""The pages and panels that extensions add."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

import pluggy

from circus_core.registry import Group, Registry
from circus_web import hookspecs
from circus_web.hookspecs import PROJECT
from circus_web.pages import Page, Panel

logger: Final = logging.getLogger("circus.console")

PLACES: Final = ("index", "watcher")
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]*")

PartT = TypeVar("PartT", Page, Panel)


class Extensions:
    """What the installed extensions add, asked for once; a broken one is logged and left out.

    :param reserved: slugs that are ours
    """

    def __init__(self, registry: Registry, reserved: Collection[str]) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._registry = registry
        self.pages: dict[str, Page] = {}
        self.panels: dict[str, Panel] = {}
        for name, implementations in registry.console_hookimpls().items():
            self._add(name, implementations, reserved)
        for problem in registry.problems():
            if problem.distribution and "circus.console" in str(problem):
                logger.warning("%s", problem)

    @property
    def menu(self) -> list[Page]:
        """The pages in the order of the menu."""
        return sorted(self.pages.values(), key=lambda page: (page.order, page.title))

    def panels_on(self, place: str) -> list[Panel]:
        """Return the panels of a page, in their order."""
        return [panel for panel in self.panels.values() if panel.place == place]

    def _add(self, name: str, implementations: object, reserved: Collection[str]) -> None:
        try:
            self._manager.register(implementations, name)
            self._manager.check_pending()
            callers = self._manager.get_hookcallers(implementations) or []
            answers = {caller.name: self._ask(caller, implementations) for caller in callers}
            pages = _checked(answers.get("circus_console_pages", ()), Page)
            panels = _checked(answers.get("circus_console_panels", ()), Panel)
            _check_names((page.slug for page in pages), {*reserved, *self.pages})
            _check_names((panel.name for panel in panels), self.panels)
            if wrong := [panel.place for panel in panels if panel.place not in PLACES]:
                raise ValueError(f"panel on {wrong[0]!r}; there are {', '.join(PLACES)}")
        except Exception as exc:  # it is a stranger's code
            error = self._registry.mark_broken(Group.CONSOLE, name, f"cannot be used: {exc}", fix="see its docs")
            logger.error("%s", error)
            return
        self.pages.update({page.slug: page for page in pages})
        self.panels.update({panel.name: panel for panel in panels})

    def _ask(self, caller: pluggy.HookCaller, implementations: object) -> Iterable[object]:
        others = self._manager.get_plugins() - {implementations}
        answers = self._manager.subset_hook_caller(caller.name, others)()
        return [part for answer in answers for part in answer]


def _checked(parts: Iterable[object], kind: type[PartT]) -> list[PartT]:
    checked = []
    for part in parts:
        if not isinstance(part, kind):
            raise TypeError(f"{part!r} is no {kind.__name__}")
        checked.append(part)
    return checked


def _check_names(names: Iterable[str], taken: Collection[str] | Mapping[str, Any]) -> None:
    for name in names:
        if not _SLUG.fullmatch(name):
            raise ValueError(f"{name!r} is no name; write lower case letters, digits and -")
        if name in taken:
            raise ValueError(f"{name!r} is taken")
