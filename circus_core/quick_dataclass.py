"""Dataclasses that are cheap to define: what the standard decorator compiles at once is compiled when first used.

A process that starts defines a hundred of them and uses a few; the standard decorator takes a millisecond for each,
which is a third of the time that circusd takes to start. Import ``dataclass`` from here, not from :mod:`dataclasses`.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False):
        """Do what :func:`dataclasses.dataclass` does; :func:`dataclasses.fields` and the like work on the result."""

        def decorate(cls):
            return _define(cls, frozen, slots, kw_only)

        return decorate if cls is None else decorate(cls)


def _define(cls: type[Any], is_frozen: bool, slots: bool, kw_only: bool) -> type[Any]:
    own = set(cls.__dict__)
    inherited = [params for base in cls.__mro__[1:] if (params := base.__dict__.get(_PARAMS)) and params.frozen]
    if not cls.__doc__:
        cls.__doc__ = cls.__name__  # the standard decorator would write a signature there, which takes milliseconds
    for params in inherited:
        params.frozen = False  # for the standard decorator, which else would compile what frozen classes have
    try:
        cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    finally:
        for params in inherited:
            params.frozen = True
    methods: dict[str, Any] = {"__repr__": _repr, "__eq__": _eq, "__hash__": None}
    if is_frozen:
        methods |= {"__hash__": _hash, "__setattr__": _refuse_set, "__delattr__": _refuse_del}
        methods |= {"__getstate__": _get_state, "__setstate__": _set_state}  # for copies: by the way round __setattr__
        getattr(cls, _PARAMS).frozen = True
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    if "__init__" not in own:
        cls.__init__ = _first_init(cls)
    return cls


_PARAMS: Final = "__dataclass_params__"


def _first_init(cls: type[Any]) -> Callable[..., None]:
    """Return an ``__init__`` that puts the compiled one in its place."""

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = init = _compile_init(cls)
        init(self, *args, **kwargs)

    return __init__


def _compile_init(cls: type[Any]) -> Callable[..., None]:
    names: dict[str, Any] = {"_set": object.__setattr__, "_unset": _UNSET}
    positional, keyword, body = ["self"], list[str](), list[str]()
    for field in dataclasses.fields(cls):
        parameter = value = field.name
        made = ""
        if field.default is not dataclasses.MISSING:
            made = f"_default_{field.name}"
            names[made] = field.default
            parameter = f"{field.name}={made}"
        elif field.default_factory is not dataclasses.MISSING:
            names[f"_make_{field.name}"] = field.default_factory
            made = f"_make_{field.name}()"
            parameter = f"{field.name}=_unset"
            value = f"{made} if {field.name} is _unset else {field.name}"
        if field.init:
            (keyword if field.kw_only else positional).append(parameter)
        elif made:
            value = made
        else:
            continue  # __post_init__ sets it
        body.append(f"_set(self, {field.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    if keyword:
        positional.append("*")
    lines = "\n    ".join(body or ["pass"])
    exec(f"def __init__({', '.join(positional + keyword)}):\n    {lines}\n", names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    return init


_UNSET: Final = object()


@cache
def _names(cls: type[Any], use: str) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls) if getattr(field, use))


@cache
def _compared(cls: type[Any]) -> Callable[[Any], object]:
    names = _names(cls, "compare")  # type: ignore[arg-type]  # mypy takes a class for unhashable
    return operator.attrgetter(*names) if names else lambda self: ()


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    get = _compared(self.__class__)  # type: ignore[arg-type]
    return get(self) == get(other)


def _hash(self: Any) -> int:
    return hash(_compared(self.__class__)(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _names(self.__class__, "repr"))
    return f"{self.__class__.__qualname__}({shown})"


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _refuse_set(self: Any, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_del(self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
