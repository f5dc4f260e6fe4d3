"""Globs over whole paths."""

from __future__ import annotations

import os
import re
from typing import Final

from circus_core.quick_dataclass import dataclass

_MAGIC: Final = re.compile(r"[*?\[]")
_TOKEN: Final = re.compile(
    r"(?P<any>\*\*/)|(?P<rest>\*\*$)|(?P<star>\*+)|(?P<one>\?)|(?P<set>\[!?\]?[^\]]*\])|(?P<text>.)"
)


@dataclass(frozen=True)
class Glob:
    """A pattern of absolute paths: ``*``, ``?`` and ``[...]`` stay within a name, ``**`` is any folders.

    A path of a folder stands for all that is in it.
    """

    pattern: str

    @classmethod
    def of(cls, text: str, folder: str) -> Glob:
        """Return the glob that *text* is in *folder*."""
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(text)))
        return cls(os.path.join(path, "**") if os.path.isdir(path) and not _MAGIC.search(text) else path)

    @property
    def root(self) -> str:
        """The folder below which everything is that it matches."""
        fixed: list[str] = []
        for part in self.pattern.split(os.sep):
            if _MAGIC.search(part):
                return os.sep.join(fixed) or os.sep
            fixed.append(part)
        return os.path.dirname(self.pattern)

    @property
    def is_deep(self) -> bool:
        """Whether it matches anything that is not right in its root."""
        below = self.pattern[len(self.root) :].strip(os.sep)
        return os.sep in below or below == "**"

    def matches(self, path: str) -> bool:
        """Tell if *path* is one of its."""
        return self._regex().fullmatch(path) is not None

    def _regex(self) -> re.Pattern[str]:
        return re.compile("".join(map(_regex_of, _TOKEN.finditer(self.pattern))), re.DOTALL)


def _regex_of(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "any":
            return "(?:.*/)?"
        case "rest":
            return ".*"
        case "star":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "set":
            inside = token[0][1:-1].replace("\\", "\\\\")
            return f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        case _:
            return re.escape(token[0])
