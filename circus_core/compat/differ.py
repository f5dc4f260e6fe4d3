"""``DictDiffer``: what changed between two mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DictDiffer:
    """Compares a mapping with what it was before.

    :param current_dict: as it is now
    :param past_dict: as it was
    """

    def __init__(self, current_dict: Mapping[Any, Any], past_dict: Mapping[Any, Any]) -> None:
        self.current_dict = current_dict
        self.past_dict = past_dict

    def added(self) -> set[Any]:
        """Return the keys that are new."""
        return set(self.current_dict) - set(self.past_dict)

    def removed(self) -> set[Any]:
        """Return the keys that are gone."""
        return set(self.past_dict) - set(self.current_dict)

    def changed(self) -> set[Any]:
        """Return the keys whose value differs."""
        return {key for key in self._kept() if self.current_dict[key] != self.past_dict[key]}

    def unchanged(self) -> set[Any]:
        """Return the keys whose value is the same."""
        return self._kept() - self.changed()

    def _kept(self) -> set[Any]:
        return set(self.current_dict) & set(self.past_dict)
