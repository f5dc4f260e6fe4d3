"""The arguments of a command: one frozen dataclass gives message schema, checks and usage line.

A field is written ``nb: int = arg(1, doc="how many processes to add")``. Its annotation is the
JSON type of the property, its metadata tell how the terminal takes it.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from circus_core.errors import MessageError
from circus_core.quick_dataclass import dataclass

MISSING: Final = dataclasses.MISSING


class Takes(Enum):
    """How ``circusctl`` takes a property."""

    WORD = "word"  # a positional word
    REST = "rest"  # all words that are left, as a list or, for ``str``, joined by a space
    OPTION = "option"  # --name VALUE
    FLAG = "flag"  # --name, true when given
    HIDDEN = "hidden"  # only in messages


def arg(
    default: Any = MISSING,
    *,
    doc: str,
    takes: Takes | None = None,
    flag: str | None = None,
    short: str = "",
    aliases: tuple[str, ...] = (),
) -> Any:
    """Describe one property of a command.

    :param default: the value when it is not given; without one the property is required
    :param doc: one line for usage and reference, in lower case
    :param takes: how the terminal takes it; by default ``FLAG`` for ``bool``, else ``WORD``
    :param flag: name on the command line without dashes, when it is not the property's
    :param short: a letter that may stand for it there, behind one dash
    :param aliases: further property names that mean the same
    """
    metadata = {"doc": doc, "takes": takes, "flag": flag, "short": short, "aliases": aliases}
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of a command, as data.

    :param types: the JSON types that it accepts, of ``str int float bool list dict any``
    """

    name: str
    doc: str
    types: tuple[str, ...]
    is_required: bool
    default: Any
    takes: Takes
    flag: str
    short: str
    aliases: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the property as the ``commands`` command tells it."""
        return {
            "name": self.name,
            "doc": self.doc,
            "types": list(self.types),
            "required": self.is_required,
            "default": self.default,
            "takes": self.takes.value,
            "flag": self.flag,
            "short": self.short,
            "aliases": list(self.aliases),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Property:
        """Return the property that :meth:`as_json` told."""
        return cls(
            name=data["name"],
            doc=data["doc"],
            types=tuple(data["types"]),
            is_required=data["required"],
            default=data["default"],
            takes=Takes(data["takes"]),
            flag=data["flag"],
            short=data.get("short", ""),
            aliases=tuple(data["aliases"]),
        )


def schema(args_type: type[Any]) -> tuple[Property, ...]:
    """Return the properties of a command's arguments, in the order that they are checked."""
    properties = _schemas.get(args_type)
    if properties is None:
        hints = typing.get_type_hints(args_type)
        properties = tuple(_property(field, hints[field.name]) for field in dataclasses.fields(args_type))
        _schemas[args_type] = properties
    return properties


_schemas: dict[type[Any], tuple[Property, ...]] = {}


def _property(field: dataclasses.Field[Any], hint: Any) -> Property:
    types_ = _types_of(hint)
    takes = field.metadata.get("takes") or (Takes.FLAG if types_ == ("bool",) else Takes.WORD)
    factory = field.default_factory
    default = factory() if factory is not MISSING else field.default
    required = default is MISSING
    return Property(
        name=field.name,
        doc=field.metadata.get("doc", ""),
        types=types_,
        is_required=required,
        default=None if required else default,
        takes=takes,
        flag=field.metadata.get("flag") or field.name,
        short=field.metadata.get("short", ""),
        aliases=field.metadata.get("aliases", ()),
    )


def _types_of(hint: Any) -> tuple[str, ...]:
    if hint is Any or hint is object:
        return ("any",)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [t for part in typing.get_args(hint) if part is not type(None) for t in _types_of(part)]
        return tuple(dict.fromkeys(inner))
    name = (origin or hint).__name__
    return ({"Mapping": "dict", "Sequence": "list"}.get(name, name),)


def parse_properties(args_type: type[Any], given: Any) -> Any:
    """Return *args_type* built from the ``properties`` of a message.

    A number may come as a numeric string where a number is wanted (stock clients send both), a flag as any
    JSON value (its truth decides). A property that the command does not know is left out, as ever.

    :raises MessageError: one is missing or has the wrong type, or *given* is no object
    """
    if given is None or given == []:
        given = {}
    if not isinstance(given, Mapping):
        raise MessageError(f"message invalid: 'properties' is {_json_name(given)}; send an object")
    values: dict[str, Any] = {}
    for prop in schema(args_type):
        name = next((n for n in (prop.name, *prop.aliases) if n in given), None)
        if name is None or (given[name] is None and not prop.is_required):
            if prop.is_required:
                raise MessageError(f"message invalid {prop.name!r} is missing")
            continue
        values[prop.name] = _checked(prop, given[name])
    return args_type(**values)


def _checked(prop: Property, value: Any) -> Any:
    types_ = prop.types
    if "any" in types_:
        return value
    if types_ == ("bool",):
        return bool(value)
    kind = type(value).__name__
    if kind in types_:
        return value
    number = _number(value, types_) if kind in ("int", "str") else None
    if number is not None:
        return number
    wanted = " or ".join(_JSON_NAMES[t] for t in types_)
    raise MessageError(f"message invalid: {prop.name!r} is {_json_name(value)}, {_shown(value)}; send {wanted}")


def _number(given: int | str, types_: tuple[str, ...]) -> int | float | None:
    for name, parse in (("int", int), ("float", float)):
        if name in types_:
            try:
                number = parse(given)
            except (ValueError, OverflowError):
                continue
            if math.isfinite(number):
                return number
    return None


_JSON_NAMES: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
    "list": "a list",
    "dict": "an object",
}


def _json_name(value: Any) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value).__name__, "a value")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
