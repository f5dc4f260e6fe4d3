"""Rows of the option table: what an option is, how its value is read from text or JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any, Final

from circus_core.quick_dataclass import dataclass


class OnChange(IntEnum):
    """What it takes to give running processes a new value of an option; a higher one includes the lower."""

    NOTHING = 0  # it is read when it is needed
    RELOAD = 1  # processes are replaced
    RESTART = 2  # the watcher is stopped, then started anew


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the values of some options are read.

    :param name: as the reference page calls it
    :param parse: text to value; :class:`ValueError` says what is wrong
    :param fix: what to write instead of a wrong value
    :param complaint: what a command says of a value of the wrong type
    :param json_types: types of JSON values that are taken besides text
    :param from_json: such a value to value; by default it is read as the text that it is written as
    :param show: value to what ``options`` replies
    """

    name: str
    parse: Callable[[str], Any]
    fix: str
    complaint: str = "isn't a string"
    json_types: tuple[type, ...] = ()
    from_json: Callable[[Any], Any] | None = None
    show: Callable[[Any], Any] = _same


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row of the option table.

    :param default: the value when it is not given
    :param unit: of the value, ``""`` for none
    :param doc: one or more sentences for the reference page
    :param in_reply: whether the ``options`` command tells it
    """

    name: str
    kind: Kind
    default: Any
    unit: str
    doc: str
    on_change: OnChange
    in_reply: bool

    def parse(self, text: str) -> Any:
        """Return the value that *text* of an ini file stands for.

        :raises ValueError: says what is wrong
        """
        return self.kind.parse(text)

    def accept(self, value: Any) -> Any:
        """Return the value that a JSON *value* stands for.

        :raises ValueError: names the option and says what is wrong
        """
        if value is None and self.default is None:
            return None
        if not isinstance(value, (str, *self.kind.json_types)) or (
            isinstance(value, bool) and bool not in self.kind.json_types
        ):
            raise ValueError(f"{self.name!r} {self.kind.complaint}; {self.kind.fix}")
        try:
            if isinstance(value, str):
                return self.kind.parse(value)
            return (self.kind.from_json or _parse_shown(self.kind))(value)
        except ValueError as exc:
            raise ValueError(f"{self.name!r} {self.kind.complaint}: {value!r}: {exc}; {self.kind.fix}") from None


def _parse_shown(kind: Kind) -> Callable[[Any], Any]:
    return lambda value: kind.parse(str(value))


_ROW: Final = "circus_option"


def option(
    kind: Kind,
    default: Any,
    doc: str,
    *,
    unit: str = "",
    on_change: OnChange = OnChange.RESTART,
    in_reply: bool = False,
) -> Any:
    """Declare the option that a field of a configuration class holds; the field's name is its name."""
    row = {"kind": kind, "default": default, "unit": unit, "doc": doc, "on_change": on_change, "in_reply": in_reply}
    return dataclasses.field(default=default, metadata={_ROW: row})


@cache
def table(config_type: type[Any]) -> Mapping[str, Option]:
    """Return the rows of a configuration class by name, in the order of its fields."""
    return {
        field.name: Option(name=field.name, **field.metadata[_ROW])
        for field in dataclasses.fields(config_type)
        if _ROW in field.metadata
    }
