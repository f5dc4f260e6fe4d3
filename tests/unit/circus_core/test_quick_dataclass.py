"""A dataclass that is compiled late does what the standard one does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from circus_core import quick_dataclass

Decorator = Callable[..., Any]
HOW = pytest.mark.parametrize(
    "how", [{"frozen": True, "slots": True}, {"frozen": True}, {"slots": True}, {}], ids="-".join
)
DECORATORS = [dataclasses.dataclass, quick_dataclass.dataclass]
BOTH = pytest.mark.parametrize("decorator", DECORATORS, ids=["standard", "ours"])


def make(decorator: Decorator, **how: bool) -> Any:
    @decorator(**how)
    class Point:
        """A place."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: list[str] = dataclasses.field(default_factory=list)
        hidden: str = dataclasses.field(default="h", repr=False, compare=False)
        total: int = dataclasses.field(init=False, default=0)

        def double(self) -> int:
            return 2 * self.x

    return Point


@BOTH
@HOW
def test_it_is_made_shown_compared_and_copied(decorator: Decorator, how: dict[str, bool]) -> None:
    point_type = make(decorator, **how)

    point = point_type(1, tags=["a"])

    assert (point.x, point.y, point.tags, point.hidden, point.total) == (1, 2, ["a"], "h", 0)
    assert repr(point) == f"{point_type.__qualname__}(x=1, y=2, tags=['a'], total=0)"
    assert point == point_type(1, 2, ["a"], hidden="other")
    assert point != point_type(3)
    assert point != (1, 2)
    assert point_type(1).tags is not point_type(1).tags
    assert dataclasses.replace(point, x=5).double() == 10
    assert dataclasses.asdict(point)["tags"] == ["a"]
    assert copy.deepcopy(point) == point
    assert point_type.__match_args__ == ("x", "y", "tags", "hidden")
    assert hasattr(point, "__dict__") is ("slots" not in how)


@BOTH
@HOW
def test_a_wrong_call_names_what_is_wrong(decorator: Decorator, how: dict[str, bool]) -> None:
    point_type = make(decorator, **how)

    for _ in range(2):  # also once it is compiled
        with pytest.raises(TypeError, match=r"__init__\(\) missing 1 required positional argument: 'x'"):
            point_type()
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            point_type(1, z=1)


@BOTH
def test_frozen_ones_are_hashed_and_refuse_changes(decorator: Decorator) -> None:
    @decorator(frozen=True, slots=True, kw_only=True)
    class Key:
        """A key."""

        name: str
        number: int = 0

    key = Key(name="a")

    assert {key: 1}[Key(number=0, name="a")] == 1
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        key.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del key.name
    with pytest.raises(TypeError):
        Key("a")


@BOTH
def test_others_are_not_hashed(decorator: Decorator) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(make(decorator)(1))


@BOTH
def test_what_a_class_has_itself_stays(decorator: Decorator) -> None:
    @decorator
    class Odd:
        """Its own ways."""

        size: int

        def __post_init__(self) -> None:
            self.size += 1

        def __repr__(self) -> str:
            return "odd"

    assert repr(Odd(1)) == "odd"
    assert Odd(1).size == 2


@pytest.mark.parametrize("outer", DECORATORS, ids=["standard", "ours"])
@pytest.mark.parametrize("inner", DECORATORS, ids=["standard", "ours"])
def test_one_builds_upon_the_other(inner: Decorator, outer: Decorator) -> None:
    @inner(frozen=True, slots=True, kw_only=True)
    class Event:
        """Something happened."""

        name: str
        time: float = 0.0

    @outer(frozen=True, slots=True, kw_only=True)
    class Death(Event):  # type: ignore[misc, valid-type]
        """Something died."""

        pid: int

    assert Death(name="w", pid=3) == Death(time=0.0, name="w", pid=3)
    assert Event(name="w").name == "w"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Death(name="w", pid=3).pid = 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        Event(name="w").name = "v"


@quick_dataclass.dataclass(frozen=True, slots=True)
class Kept:
    """For pickle, which looks it up."""

    value: int


def test_a_frozen_one_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Kept(7))) == Kept(7)


def test_one_is_compiled_when_many_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[type] = []
    compile_init = quick_dataclass._compile_init
    monkeypatch.setattr(quick_dataclass, "_compile_init", lambda cls: compiled.append(cls) or compile_init(cls))
    point_type = make(quick_dataclass.dataclass, frozen=True)
    assert compiled == []

    points = [point_type(n, tags=[n]) for n in range(20)]

    assert [point.tags for point in points] == [[n] for n in range(20)]
    assert compiled == [point_type]

    compiled.clear()
    with pytest.raises(TypeError):
        make(quick_dataclass.dataclass, frozen=True)()
    assert len(compiled) == 1, "for what it says"


@BOTH
def test_seldom_things_are_as_they_are(decorator: Decorator) -> None:
    class Base:
        __slots__ = "name"  # noqa: PLC0205  # it is allowed

    @decorator(slots=True)
    class Odd(Base):
        """Has all that is seldom."""

        __match_args__ = ("size",)
        name: str
        size: int = 0

    odd = Odd("a", 2)
    assert (odd.name, odd.size, Odd.__slots__, Odd.__match_args__) == ("a", 2, ("size",), ("size",))
    assert len(dataclasses.fields(Odd)) == 2 and Odd.__match_args__ == ("size",)
    if hasattr(copy, "replace"):
        assert copy.replace(odd, size=3) == Odd("a", 3)
