"""Frozen dataclasses to JSON and back, each value checked against the type that its field declares."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any

from circus_core.errors import StateError

Decoder = Callable[[Any, str], Any]
"""Takes what JSON gave and where it stands, for messages."""


def plain(value: Any) -> Any:
    """Return something that JSON has a form for, of what it has none for itself: the ``default`` of ``json.dumps``.

    It needs no type hints, which take milliseconds to evaluate.
    """
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@cache
def decoder(hint: Any) -> Decoder:
    """Return what makes a value of the type *hint* of what JSON gave.

    It raises :class:`StateError` for anything else.
    """
    if dataclasses.is_dataclass(hint):
        return _dataclass_decoder(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return _tuple_decoder(decoder(args[0]))
    if origin in (typing.Union, types.UnionType):
        return _union_decoder(args)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_decoder(args[0], decoder(args[1]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_decoder(hint)
    if hint is Any:
        return lambda value, where: value
    return _atom_decoder(getattr(hint, "__supertype__", hint))


@cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _dataclass_decoder(cls: Any) -> Decoder:
    parts = {name: decoder(hint) for name, hint in _hints(cls).items()}

    def decode(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(value, where, "an object")
        unknown = value.keys() - parts.keys()
        if unknown:
            raise StateError(f"{where}: {', '.join(sorted(unknown))} is unknown: a newer version wrote it")
        try:
            return cls(**{name: parts[name](item, f"{where}.{name}") for name, item in value.items()})
        except TypeError as exc:  # a field without default is missing
            raise StateError(f"{where}: {exc}") from exc

    return decode


def _union_decoder(args: tuple[Any, ...]) -> Decoder:
    decoders = [decoder(arg) for arg in args if arg is not type(None) and _is_data(arg)]
    is_optional = type(None) in args

    def decode(value: Any, where: str) -> Any:
        if value is None and is_optional:
            return None
        for inner in decoders[:-1]:
            try:
                return inner(value, where)
            except StateError:
                continue
        return decoders[-1](value, where)

    return decode


def _is_data(hint: Any) -> bool:
    return typing.get_origin(hint) is not Callable


def _tuple_decoder(inner: Decoder) -> Decoder:
    def decode(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(value, where, "a list")
        return tuple(inner(item, f"{where}[{n}]") for n, item in enumerate(value))

    return decode


def _mapping_decoder(key: Any, inner: Decoder) -> Decoder:
    make_key = int if getattr(key, "__supertype__", key) is int else str

    def decode(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(value, where, "an object")
        try:
            return {make_key(name): inner(item, f"{where}[{name!r}]") for name, item in value.items()}
        except ValueError as exc:
            raise StateError(f"{where}: {exc}") from exc

    return decode


def _enum_decoder(cls: type[Enum]) -> Decoder:
    def decode(value: Any, where: str) -> Any:
        try:
            return cls(value)
        except ValueError as exc:
            raise StateError(f"{where}: {exc}") from exc

    return decode


def _atom_decoder(cls: type) -> Decoder:
    wanted: tuple[type, ...] = (int, float) if cls is float else (cls,)

    def decode(value: Any, where: str) -> Any:
        if type(value) not in wanted:
            raise _wrong(value, where, f"of type {cls.__name__}")
        return value

    return decode


def _wrong(value: Any, where: str, wanted: str) -> StateError:
    return StateError(f"{where} is {value!r:.60}, not {wanted}")
