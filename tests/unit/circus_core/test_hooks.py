"""Hookimpl modules, and what their failures do."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest

from circus_core.errors import ConfigError, MessageError, OptionError
from circus_core.events import WatcherStarted
from circus_core.hooks import Hooks
from circus_core.hookspecs import hookimpl
from circus_core.options import WatcherConfig, kinds, option, read_options, table
from circus_core.registry import Group
from circus_core.spawner import SpawnRequest

REQUEST = SpawnRequest(argv=("web",), env={})


class FakeRegistry:
    """Has the hookimpl objects that it is given, notes which are broken."""

    def __init__(self, *objects: object) -> None:
        self.objects = {type(thing).__name__: thing for thing in objects}
        self.broken: dict[str, str] = {}

    def hookimpls(self) -> dict[str, object]:
        return self.objects

    def is_built_in(self, group: Group, name: str) -> bool:
        return name == "OurOwn"

    def check_watcher(self, config: WatcherConfig) -> list[ConfigError]:
        return []

    def mark_broken(self, group: Group, name: str, why: str, *, fix: str = "") -> None:
        assert group is Group.EXTENSIONS
        self.broken[name] = f"{why}; {fix}"


def hooks(*objects: object) -> Hooks:
    registry = FakeRegistry(*objects)
    made = Hooks(registry)  # type: ignore[arg-type]  # has what is used of it
    assert registry.broken == {}
    return made


def spawn_votes(made: Hooks) -> list[Any]:
    return made.vote("circus_before_spawn", watcher=None, wid=1, request=REQUEST)


class Adds:
    """Adds a word to the command."""

    @hookimpl
    def circus_before_spawn(self, request: SpawnRequest) -> SpawnRequest:
        return dataclasses.replace(request, argv=(*request.argv, type(self).__name__))


class AddsMore(Adds):
    """Adds another one."""


class Refuses:
    """Refuses, after the others were asked."""

    @hookimpl(trylast=True)
    def circus_before_spawn(self) -> bool:
        return False


class RefusesFirst:
    """Refuses, before the others are asked."""

    @hookimpl(tryfirst=True)
    def circus_before_spawn(self) -> bool:
        return False


class Raises:
    """Raises whatever it is asked."""

    @hookimpl
    def circus_before_spawn(self) -> None:
        raise ValueError("boom")

    @hookimpl
    def circus_before_command(self) -> None:
        raise ValueError("boom")

    @hookimpl
    def circus_event_published(self, event: object) -> None:
        raise SystemExit(3)


class Listens:
    """Keeps the events."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def circus_event_published(self, event: object) -> None:
        self.seen.append(event)


def test_nobody_answers_when_nothing_is_installed() -> None:
    made = hooks()

    assert not made.has("circus_before_spawn")
    assert spawn_votes(made) == []
    made.notify("circus_event_published", event=None)


def test_each_implementation_is_given_the_request_as_the_one_before_changed_it() -> None:
    made = hooks(Adds(), AddsMore())

    assert made.has("circus_before_spawn")
    assert spawn_votes(made)[-1].argv == ("web", "AddsMore", "Adds")


def test_nobody_is_asked_after_a_refusal() -> None:
    assert spawn_votes(hooks(Adds(), RefusesFirst())) == [False]
    assert spawn_votes(hooks(Adds(), Refuses()))[-1] is False


def test_vote_that_raises_stands_as_its_exception_and_the_next_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    error, request = spawn_votes(hooks(Adds(), Raises()))

    assert isinstance(error, ValueError)
    assert request.argv == ("web", "Adds")
    assert "extension Raises: hook circus_before_spawn failed" in caplog.text


@pytest.mark.parametrize("nonsense", [3, b"no", ["x"], object()], ids=["number", "bytes", "list", "object"])
def test_opinion_of_the_wrong_type_counts_as_an_exception(nonsense: object) -> None:
    class Babbles:
        @hookimpl
        def circus_before_command(self) -> object:
            return nonsense

    (opinion,) = hooks(Babbles()).vote("circus_before_command", arbiter=None, command="quit", args=None)
    assert isinstance(opinion, TypeError)
    assert str(opinion).endswith("return str or None")


def test_failing_notification_does_not_silence_the_next(caplog: pytest.LogCaptureFixture) -> None:
    listens = Listens()
    event = WatcherStarted(watcher="web")
    hooks(listens, Raises()).notify("circus_event_published", event=event)

    assert listens.seen == [event]
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.ERROR, "extension Raises: hook circus_event_published failed: SystemExit: 3")
    ]


def test_traceback_of_what_keeps_failing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    made = hooks(Raises())
    for _ in range(3):
        made.notify("circus_event_published", event=None)

    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]


def test_coroutine_from_a_plain_function_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None:
        return None

    class Hides:
        @hookimpl
        def circus_daemon_starting(self) -> object:
            return later()

    hooks(Hides()).notify("circus_daemon_starting", arbiter=None)
    assert "it returned a coroutine" in caplog.text


class MisspeltHook:
    """A hook that nobody calls."""

    @hookimpl
    def circus_befor_spawn(self) -> None: ...


class UnknownArgument:
    """An argument that nobody passes."""

    @hookimpl
    def circus_after_spawn(self, wids: int) -> None: ...


class Coroutine:
    """A hook that would have to be awaited."""

    @hookimpl
    async def circus_after_spawn(self) -> None: ...


class Empty:
    """Has a function without the mark."""

    def circus_after_spawn(self) -> None: ...


class Unhashable(Listens):
    """Cannot be kept in a set."""

    __hash__ = None  # type: ignore[assignment]  # that is what makes it so


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (MisspeltHook, "answers circus_befor_spawn, which is no hook; did you mean circus_before_spawn?"),
        (UnknownArgument, "Argument(s) {'wids'} are declared in the hookimpl but can not be found in the hookspec"),
        (Coroutine, "answers circus_after_spawn with an async def; make it a plain function that starts a task"),
        (Empty, "has no hookimpl; mark its functions with circus_core.hookspecs.hookimpl"),
        (Unhashable, "unhashable type"),
    ],
)
def test_broken_module_is_left_out_whole(broken: Callable[[], object], why: str) -> None:
    registry = FakeRegistry(broken(), Listens(), Adds())
    made = Hooks(registry)  # type: ignore[arg-type]  # has what is used of it

    assert why in registry.broken.pop(broken.__name__)
    assert registry.broken == {}
    assert not made.has("circus_after_spawn")
    assert len(spawn_votes(made)) == 1


def test_optional_hook_may_be_unknown() -> None:
    class Newer:
        @hookimpl(optionalhook=True)
        def circus_of_a_later_version(self) -> None: ...

    hooks(Newer(), Listens())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colours:
    """Options of an extension."""

    colour: str = option(kinds.NAME, "blue", "Colour of its processes.")


class Claims:
    """Reads options of watchers under a prefix."""

    def __init__(self, prefix: str = "demo", options: type = Colours) -> None:
        self._answer = {prefix: options}

    @hookimpl
    def circus_watcher_options(self) -> dict[str, type]:
        return self._answer

    @hookimpl
    def circus_check_watcher(self, config: WatcherConfig) -> list[OptionError]:
        return [OptionError("demo.colour", "grey", why="too dull", fix="write blue")] if config.extra else []


class ClaimsAsWell(Claims):
    """Wants the same."""


class OurOwn(Claims):
    """Is built in."""


class Babbles(Claims):
    """Says what is no option."""

    def __init__(self) -> None:
        super().__init__("babble", str)


class RaisesAtOnce:
    """Cannot say."""

    @hookimpl
    def circus_watcher_options(self) -> None:
        raise ValueError("boom")


def test_options_of_extensions_are_rows_under_their_prefix() -> None:
    rows = hooks(Claims()).watcher_rows

    assert rows["demo.colour"].name == "demo.colour"
    assert rows["demo.colour"].default == "blue"
    assert rows.keys() > table(WatcherConfig).keys()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        pytest.param(ClaimsAsWell(), "'demo' is claimed twice, also by extension 'OurOwn'", id="claimed-twice"),
        pytest.param(ClaimsAsWell("hooks"), "'hooks' is a prefix of Circus itself", id="of-circus"),
        pytest.param(ClaimsAsWell("de mo"), "'de mo' is no prefix of options", id="no-name"),
        pytest.param(Babbles(), "<class 'str'> is no dataclass with fields", id="no-options"),
        pytest.param(RaisesAtOnce(), "boom", id="raises"),
    ],
)
def test_extension_with_options_that_cannot_be_is_left_out(broken: object, why: str) -> None:
    registry = FakeRegistry(OurOwn(), broken)
    made = Hooks(registry)  # type: ignore[arg-type]  # has what is used of it

    assert why in registry.broken[type(broken).__name__]
    assert made.watcher_rows["demo.colour"].default == "blue"
    assert len(made.vote("circus_check_watcher", config=WatcherConfig(name="web", extra={"x": 1}))) == 1


def test_prefix_that_two_strangers_claim_is_neithers() -> None:
    registry = FakeRegistry(Claims(), ClaimsAsWell())
    made = Hooks(registry)  # type: ignore[arg-type]  # has what is used of it

    assert registry.broken.keys() == {"Claims", "ClaimsAsWell"}
    assert "demo.colour" not in made.watcher_rows


def test_what_extensions_find_wrong_refuses_a_watcher() -> None:
    made = hooks(Claims())
    made.require(WatcherConfig(name="web"))
    with pytest.raises(MessageError, match=r"^\[watcher:web\] demo.colour = 'grey': too dull; write blue$"):
        made.require(WatcherConfig(name="web", extra={"demo.colour": "grey"}))


def test_options_are_read_from_what_a_watcher_tells() -> None:
    assert read_options(Colours, "demo", {"demo.colour": "red", "cmd": "x"}) == Colours(colour="red")
    assert read_options(Colours, "demo", {}) == Colours()
    with pytest.raises(ValueError, match=r"'demo\.colour' isn't a string"):
        read_options(Colours, "demo", {"demo.colour": 3})
