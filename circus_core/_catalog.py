"""The table of installed extensions: which may be used, which are broken or disabled.

A name that two distributions claim is nobody's, wherever they stand in ``sys.path``; only a built-in one keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from circus_core import _entry_points
from circus_core._entry_points import EntryPoint
from circus_core._nearest import nearest
from circus_core.errors import ExtensionError
from circus_core.interfaces import ExtensionInfo
from circus_core.quick_dataclass import dataclass

BUILT_IN: Final = "circus"  # the distribution whose names nobody takes


class Group(Enum):
    """The entry-point groups."""

    COMMANDS = "circus.commands"
    STREAMS = "circus.streams"
    HOOKS = "circus.hooks"
    PLUGINS = "circus.plugins"
    EXTENSIONS = "circus.extensions"
    CONSOLE = "circus.console"

    @property
    def noun(self) -> str:
        """What one of the group is called."""
        return self.value.removeprefix("circus.").removesuffix("s")


class State(Enum):
    """How far an extension got; the values are the words that ``extensions`` replies."""

    LOADED = "loaded"
    AVAILABLE = "available"
    BROKEN = "broken"
    DISABLED = "disabled"


@dataclass(slots=True)
class Extension:
    """An entry point with what became of it."""

    entry_point: EntryPoint
    state: State = State.AVAILABLE
    error: ExtensionError | None = None
    found: Any = None

    def break_(self, why: str, fix: str = "") -> ExtensionError:
        """Make it broken and return the error that says so."""
        self.state, self.error, self.found = State.BROKEN, self.complaint(why, fix), None
        return self.error

    def complaint(self, why: str, fix: str) -> ExtensionError:
        """Return an error that names the extension, its distribution and its version."""
        point = self.entry_point
        noun = next((group.noun for group in Group if group.value == point.group), "entry point")
        return ExtensionError(
            f"{noun} {point.name!r} {why}",
            fix=fix,
            distribution=point.distribution.name,
            version=point.distribution.version,
        )

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of our own."""
        return _entry_points.normalized(self.entry_point.distribution.name) == BUILT_IN

    @property
    def is_usable(self) -> bool:
        """Whether it may be loaded, or is."""
        return self.state in {State.AVAILABLE, State.LOADED}

    def info(self) -> ExtensionInfo:
        """Return what ``extensions`` tells of it."""
        point = self.entry_point
        return ExtensionInfo(
            group=point.group,
            name=point.name,
            distribution=point.distribution.name,
            version=point.distribution.version,
            state=self.state.value,
            error=str(self.error) if self.error else None,
        )


def build(disabled: Iterable[str], path: Iterable[str] | None) -> tuple[list[Extension], list[str]]:
    """Return all installed extensions, and the words of *disabled* that name none of them."""
    extensions = [Extension(point) for point in _entry_points.find(path)]
    unused = _disable(extensions, list(disabled))
    _refuse_unknown_groups(extensions)
    _refuse_duplicates(extensions)
    return extensions, unused


def _disable(extensions: Iterable[Extension], disabled: list[str]) -> list[str]:
    """Disable what the words of *disabled* name and return those that name nothing."""
    used = set()
    for extension in extensions:
        point = extension.entry_point
        names = {
            point.name,
            f"{point.group}:{point.name}",
            f"{point.group.removeprefix('circus.')}:{point.name}",
        }
        owner = _entry_points.normalized(point.distribution.name)
        hits = {word for word in disabled if word in names or _entry_points.normalized(word) == owner}
        if hits:
            extension.state = State.DISABLED
            used |= hits
    return [word for word in disabled if word not in used]


def _refuse_unknown_groups(extensions: Iterable[Extension]) -> None:
    groups = [group.value for group in Group]
    for extension in extensions:
        group = extension.entry_point.group
        if group not in groups and extension.state is State.AVAILABLE:
            near = nearest(group, groups) or ", ".join(groups)
            extension.break_(f"is in {group}, which is no entry-point group", f"declare it in {near}")


def _refuse_duplicates(extensions: Iterable[Extension]) -> None:
    claims: dict[tuple[str, str], list[Extension]] = {}
    for extension in extensions:
        if extension.state is State.AVAILABLE:
            point = extension.entry_point
            claims.setdefault((point.group, point.name), []).append(extension)
    for rivals in claims.values():
        if len(rivals) == 1:
            continue
        built_in = [e for e in rivals if e.is_built_in]
        for extension in rivals:
            if built_in != [extension]:
                others = {_shown(other.entry_point) for other in rivals if other is not extension}
                extension.break_(
                    f"is claimed twice, also by {', '.join(sorted(others))}",
                    "uninstall one of them, or name it in disable_extensions",
                )


def _shown(point: EntryPoint) -> str:
    return f"{point.value} of {point.distribution.name} {point.distribution.version}"
