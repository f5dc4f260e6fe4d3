"""Dataclasses that are cheap to define: what the standard decorator compiles at once is compiled when first used.

A process that starts defines a hundred of them and uses a few; the standard decorator takes a millisecond for each,
which is a third of the time that circusd takes to start. Import ``dataclass`` from here, not from :mod:`dataclasses`.
"""

from __future__ import annotations

import dataclasses
import operator
import re
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
    own = dict(vars(cls))
    annotations: dict[str, Any] = own.get("__annotations__", {})
    given = {name: own[name] for name in annotations if name in own}
    late = _Late(annotations, given, is_frozen=is_frozen, kw_only=kw_only)
    methods: dict[str, Any] = {"__repr__": _repr, "__eq__": _eq, "__hash__": None, "__replace__": _replace}
    methods |= {name: _LateAttribute(late, name) for name in _LATE}
    methods["__doc__"] = cls.__name__  # the standard decorator would write a signature there
    if is_frozen:
        methods |= {"__hash__": _hash, "__setattr__": _refuse_set, "__delattr__": _refuse_del}
        methods |= {"__getstate__": _get_state, "__setstate__": _set_state}  # for copies: by the way round __setattr__
    added = {name: method for name, method in methods.items() if own.get(name) is None}
    if slots:
        fields = {name for name, text in annotations.items() if not _NO_FIELD.match(str(text))}
        inherited = {name for base in cls.__mro__ for name in _slots_of(base)}
        kept = {name: value for name, value in own.items() if name not in fields and name not in _OF_NO_SLOTS}
        places = tuple(name for name in annotations if name in fields - inherited)
        metaclass: Any = type(cls)
        cls = metaclass(
            cls.__name__, cls.__bases__, {**kept, **added, "__slots__": places, "__qualname__": cls.__qualname__}
        )
    else:
        for name, value in added.items():
            setattr(cls, name, value)
        for name, value in given.items():
            if isinstance(value, dataclasses.Field):
                if value.default is dataclasses.MISSING:
                    delattr(cls, name)
                else:
                    setattr(cls, name, value.default)
    late.cls = cls
    if "__init__" not in own:
        cls.__init__ = _first_init(cls)
    return cls


_LATE: Final = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_NO_FIELD: Final = re.compile(r"(\w+\.)?(ClassVar|InitVar)\b")
_OF_NO_SLOTS: Final = ("__dict__", "__weakref__")


def _slots_of(cls: type[Any]) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


class _Late:
    """What the standard decorator tells of a class, made when it is first asked for."""

    cls: Any

    def __init__(self, annotations: dict[str, Any], given: dict[str, Any], *, is_frozen: bool, kw_only: bool) -> None:
        self._annotations = annotations
        self._given = given
        self._is_frozen = is_frozen
        self._kw_only = kw_only

    def make(self) -> None:
        cls = self.cls
        alike = {"__module__": cls.__module__, "__doc__": "-", "__annotations__": self._annotations, **self._given}
        # Of a class that inherits nothing: the standard decorator then compiles nothing either.
        model: Any = type(cls.__name__, (), alike)
        dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=self._kw_only)(model)
        model.__dataclass_params__.frozen = self._is_frozen
        fields: dict[str, dataclasses.Field[Any]] = {}
        for base in cls.__mro__[:0:-1]:
            fields |= getattr(base, "__dataclass_fields__", {})
        fields |= model.__dataclass_fields__
        cls.__dataclass_fields__, cls.__dataclass_params__ = fields, model.__dataclass_params__
        if isinstance(vars(cls)["__match_args__"], _LateAttribute):  # else it is the class's own
            listed = tuple(field.name for field in dataclasses.fields(cls) if field.init and not field.kw_only)
            cls.__match_args__ = listed  # type: ignore[misc]  # it is no class that mypy knows


class _LateAttribute:
    def __init__(self, late: _Late, name: str) -> None:
        self._late = late
        self._name = name

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        self._late.make()
        return getattr(self._late.cls, self._name)


def _first_init(cls: type[Any]) -> Callable[..., None]:
    """Return an ``__init__`` that puts the compiled one in its place once that pays."""
    left = _WORTH_COMPILING

    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0 or not _fill(cls, self, args, kwargs):
            cls.__init__ = init = _compile_init(cls)
            init(self, *args, **kwargs)
        elif hasattr(cls, "__post_init__"):
            self.__post_init__()

    return __init__


_WORTH_COMPILING: Final = 8  #: of most classes circusd makes fewer while it starts


def _fill(cls: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Set all fields; ``False`` when the call is wrong, which the compiled ``__init__`` tells better."""
    fields = dataclasses.fields(cls)
    positional = (field.name for field in fields if field.init and not field.kw_only)
    given = dict(zip(positional, args, strict=False)) | kwargs
    if len(given) != len(args) + len(kwargs):
        return False
    for field in fields:
        if field.init and field.name in given:
            value = given.pop(field.name)
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif field.init:
            return False
        else:
            continue  # __post_init__ sets it
        object.__setattr__(instance, field.name, value)
    return not given


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


def _replace(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _refuse_set(self: Any, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_del(self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
