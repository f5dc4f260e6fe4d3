"""Words of a command line against a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from circus_core.arguments import Takes, arg, schema
from circus_core.errors import UsageError
from circus_core.usage import HelpRequested, UnknownOptionError, argument_lines, parse_leading, parse_words, usage_line


@dataclass(frozen=True, kw_only=True)
class Signal:
    name: str = arg(doc="name of the watcher")
    pid: int | None = arg(None, doc="pid")
    signum: int | str = arg(doc="signal")
    wait_for: float = arg(1.0, doc="seconds", takes=Takes.OPTION, flag="wait-for")
    children: bool = arg(False, doc="children too")
    secret: str = arg("", doc="not for people", takes=Takes.HIDDEN)


@dataclass(frozen=True)
class Add:
    name: str = arg(doc="name")
    cmd: str = arg(doc="command line", takes=Takes.REST)
    start: bool = arg(False, doc="start it")


@dataclass(frozen=True)
class Get:
    name: str = arg(doc="name")
    keys: list[str] = arg(doc="options", takes=Takes.REST)
    raw: bool = arg(False, doc="as it is")


@dataclass(frozen=True)
class Logs:
    names: list[str] = arg([], doc="names", takes=Takes.REST, flag="name")
    lines: int = arg(20, doc="how many", takes=Takes.OPTION, short="n")
    follow: bool = arg(False, doc="go on", short="f")


@pytest.mark.parametrize(
    ("args", "line", "values"),
    [
        pytest.param(Signal, "web TERM", {"name": "web", "signum": "TERM"}, id="optional-word-left-out"),
        pytest.param(Signal, "web 12 9", {"name": "web", "pid": 12, "signum": 9}, id="optional-word-in-the-middle"),
        pytest.param(
            Signal, "--children web TERM", {"name": "web", "signum": "TERM", "children": True}, id="flag-first"
        ),
        pytest.param(
            Signal, "web TERM --children", {"name": "web", "signum": "TERM", "children": True}, id="flag-last"
        ),
        pytest.param(
            Signal, "web 9 --wait_for 2", {"name": "web", "signum": 9, "wait_for": 2.0}, id="dash-or-underscore"
        ),
        pytest.param(Signal, "web 9 --wait-for=2", {"name": "web", "signum": 9, "wait_for": 2.0}, id="equals-sign"),
        pytest.param(Signal, "web -9", {"name": "web", "signum": -9}, id="negative-number-is-no-option"),
        pytest.param(Signal, "-- --web 9", {"name": "--web", "signum": 9}, id="dashes-end-the-options"),
        pytest.param(Add, "web sleep --start 5", {"name": "web", "cmd": "sleep --start 5"}, id="text-takes-all"),
        pytest.param(Add, "web --start sleep 5", {"name": "web", "cmd": "sleep 5", "start": True}, id="before-text"),
        pytest.param(Get, "web a --raw b", {"name": "web", "keys": ["a", "b"], "raw": True}, id="list-takes-options"),
        pytest.param(Logs, "-n 5 web -f", {"names": ["web"], "lines": 5, "follow": True}, id="letters"),
        pytest.param(Logs, "-n5", {"lines": 5}, id="letter-with-its-value"),
        pytest.param(Logs, "--lines=5 --follow", {"lines": 5, "follow": True}, id="long-names-of-letters"),
    ],
)
def test_words_give_properties(args: type[Any], line: str, values: dict[str, Any]) -> None:
    assert parse_words(schema(args), line.split()) == values


@pytest.mark.parametrize(
    ("args", "line", "exit_code", "text"),
    [
        pytest.param(Signal, "", 1, "Invalid number of arguments: <name> is missing", id="nothing"),
        pytest.param(Signal, "web", 1, "Invalid number of arguments: <signum> is missing", id="too-few"),
        pytest.param(Signal, "a 1 2 3 4", 1, "Invalid number of arguments: nothing takes '3 4'", id="too-many"),
        pytest.param(Signal, "web x TERM", 1, "pid: 'x' is not a whole number", id="wrong-type"),
        pytest.param(Signal, "web 9 --wait-for x", 2, "argument --wait-for: 'x' is not a number", id="option-type"),
        pytest.param(Signal, "web 9 --wait-for", 2, "argument --wait-for: expected one argument", id="no-value"),
        pytest.param(Signal, "web 9 --children=1", 2, "argument --children: takes no value", id="flag-with-value"),
        pytest.param(Signal, "web 9 --secret x", 2, "unrecognized arguments: --secret", id="hidden"),
        pytest.param(Signal, "web 9 -x", 2, "unrecognized arguments: -x", id="short-option"),
        pytest.param(Add, "web", 1, "Invalid number of arguments: <cmd> is missing", id="no-text"),
        pytest.param(Get, "web", 1, "Invalid number of arguments: <keys> is missing", id="no-list"),
    ],
)
def test_wrong_words_say_what_is_wrong(args: type[Any], line: str, exit_code: int, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_words(schema(args), line.split())
    assert (str(caught.value), caught.value.exit_code) == (text, exit_code)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_may_be_asked_for(word: str) -> None:
    with pytest.raises(HelpRequested):
        parse_words(schema(Signal), ["web", word])


def test_unknown_option_is_kept() -> None:
    with pytest.raises(UnknownOptionError) as caught:
        parse_words(schema(Get), ["--json"])
    assert caught.value.option == "--json"


def test_leading_options_end_at_the_first_word() -> None:
    assert parse_leading(schema(Signal), ["--children", "web", "--children"]) == (
        {"children": True},
        ["web", "--children"],
    )


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (Signal, "<name> [pid] <signum> [--wait-for WAIT_FOR] [--children]"),
        (Add, "<name> <cmd...> [--start]"),
        (Get, "<name> <keys...> [--raw]"),
        (Logs, "[name...] [-n LINES] [-f]"),
    ],
)
def test_usage_line(args: type[Any], line: str) -> None:
    assert usage_line(schema(args)) == line


def test_argument_lines_name_the_letter_first() -> None:
    assert argument_lines(schema(Logs))[1:] == ["  -n, --lines LINES  how many", "  -f, --follow       go on"]


def test_argument_lines_are_aligned() -> None:
    assert argument_lines(schema(Add)) == ["  name     name", "  cmd      command line", "  --start  start it"]
