"""Loading of entry points by stevedore, for the daemon.

stevedore by itself keeps a cache of all entry points in the user's home, without the distribution that each is
from. Our manager hands it those that the registry has found: nothing is read from a home or written to it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint as MetadataEntryPoint
from typing import Any, NoReturn

from stevedore import ExtensionManager

from circus_core._entry_points import EntryPoint


class _OneExtension(ExtensionManager[Any]):
    def __init__(self, entry_point: EntryPoint) -> None:
        self._entry_point = MetadataEntryPoint(entry_point.name, entry_point.value, entry_point.group)
        super().__init__(entry_point.group, on_load_failure_callback=_raise)

    def list_entry_points(self) -> list[MetadataEntryPoint]:
        return [self._entry_point]


def _raise(_manager: object, _entry_point: object, error: BaseException) -> NoReturn:
    raise error


def load(entry_point: EntryPoint) -> object:
    """Return what *entry_point* names; raises whatever its import raises."""
    (extension,) = _OneExtension(entry_point).extensions
    found: object = extension.plugin
    return found
