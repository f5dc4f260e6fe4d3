"""What is found while a configuration is read: errors, warnings, places."""

from __future__ import annotations

from collections.abc import Mapping

from circus_core._ini import Entry, Ini
from circus_core.errors import ConfigError


class Report:
    """Collects what is wrong or odd, each with its place."""

    def __init__(self, ini: Ini) -> None:
        self._ini = ini
        self.warnings: list[str] = []
        self.errors: list[ConfigError] = list(ini.errors)
        self.where: Mapping[tuple[str, str], str] = {
            (name, key): entry.where for name in ini.sections for key, entry in ini.values(name).items()
        }

    def place(self, section: str, option: str = "") -> str | None:
        """Return ``file:line`` of an option, else of its section."""
        return self.where.get((section, option)) or self._ini.places.get(section)

    def error(self, section: str, option: str, value: object, *, why: str, fix: str) -> None:
        """Note that an option, or the section itself when *option* is empty, cannot be used."""
        shown = value.text if isinstance(value, Entry) else value
        self.errors.append(ConfigError(section, option, shown, why=why, fix=fix, where=self.place(section, option)))

    def warn(self, section: str, option: str, text: str) -> None:
        """Note that an option, or the section itself when *option* is empty, is odd."""
        subject = f"[{section}] {option}" if option else f"[{section}]"
        self.warnings.append(f"{self.place(section, option)}: {subject}: {text}")

    def sorted_errors(self) -> list[ConfigError]:
        """Return the errors in file order."""
        return sorted(self.errors, key=lambda error: self._ini.position(error.where))
