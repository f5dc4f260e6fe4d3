"""Variables in option values: ``$(circus.NAME)``, ``((circus.NAME))``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = r"circus\.[\w.-]+"
VARIABLE: Final = re.compile(rf"\$\((?P<dollar>{_NAME})\)|\(\((?P<round>{_NAME})\)\)", re.IGNORECASE)
ENV: Final = "circus.env."


class EnvVariables:
    """The variables that ``$(circus.env.NAME)`` can stand for, found whatever the case of *NAME*."""

    def __init__(self, *sources: Mapping[str, str]) -> None:
        self._exact: dict[str, str] = {}
        for source in sources:
            self._exact.update(source)
        self._folded = {name.lower(): value for name, value in self._exact.items()}

    def get(self, name: str) -> str | None:
        """Return the value of the variable *name*, ``None`` when there is none."""
        return self._exact.get(name, self._folded.get(name.lower()))

    def expand(self, text: str) -> str:
        """Return *text* with each ``$(circus.env.NAME)`` replaced; an unknown one and any other variable stays."""
        return VARIABLE.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        name = match["dollar"] or match["round"]
        value = self.get(name[len(ENV) :]) if name.lower().startswith(ENV) else None
        return match[0] if value is None else value
