"""Options of plugins, as text of a section and as one word of a command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circus_core import plugin_options
from circus_core._plugin_text import decode, encode
from circus_core.errors import OptionError
from circus_core.options import kinds, option


@dataclass(frozen=True, kw_only=True)
class Options:
    count: int = option(kinds.whole(1), 2, "A number.")
    rate: float = option(kinds.SECONDS, 1.5, "A time.", unit="s")
    target: str | None = option(kinds.NAME, None, "A name.")

    def __post_init__(self) -> None:
        if self.count == 13:
            raise OptionError("count", self.count, why="brings bad luck", fix="write another")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({}, Options(), id="defaults"),
        pytest.param({"count": "3", "rate": "0", "target": "x"}, Options(count=3, rate=0.0, target="x"), id="text"),
        pytest.param({"count": 3, "rate": 0.5, "target": None}, Options(count=3, rate=0.5), id="values"),
        pytest.param({"target": ""}, Options(), id="empty"),
        pytest.param({"other": "x", "name": "plugin:p"}, Options(), id="others"),
    ],
)
def test_options_are_read(config: dict[str, Any], expected: Options) -> None:
    assert plugin_options.read(Options, config) == expected
    assert plugin_options.problems(Options, config) == []


def test_everything_that_is_wrong_is_told() -> None:
    found = plugin_options.problems(Options, {"count": "0", "rate": True, "target": "x"})

    assert [str(error) for error in found] == [
        "count = '0': less than 1; write a whole number from 1",
        "rate = True: isn't a number; write a number of seconds, 0 or more",
    ]
    with pytest.raises(OptionError, match="count = '0'"):
        plugin_options.read(Options, {"count": "0"})


def test_options_that_do_not_go_together_are_told() -> None:
    (error,) = plugin_options.problems(Options, {"count": 13})

    assert (error.option, error.why) == ("count", "brings bad luck")


def test_option_that_there_is_not_is_told_with_a_near_one() -> None:
    config = {"cuont": "1", "graceful_timeout": "3", "name": "plugin:p", "stdout_stream.class": "x", "rlimit_core": "1"}

    assert list(plugin_options.unknown(Options, config)) == [
        "cuont is no option of this plugin and is ignored; did you mean 'count'?"
    ]


@pytest.mark.parametrize(
    ("text", "config"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("k:v:::k2:v2", {"k": "v", "k2": "v2"}, id="two"),
        pytest.param(" k : a:b ", {"k": "a:b"}, id="trimmed"),
        pytest.param("url:http://x:1/:::name:plugin:p", {"url": "http://x:1/", "name": "plugin:p"}, id="colons"),
        pytest.param('{"k": " a:::b", "n": 3}', {"k": " a:::b", "n": "3"}, id="json"),
    ],
)
def test_word_of_a_command_line_is_read(text: str, config: dict[str, str]) -> None:
    assert decode(text) == config


@pytest.mark.parametrize("text", ["k", "k:v:::x", ":v", "{", '{"a"}'])
def test_word_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        decode(text)


def test_documented_form_is_written_where_it_can_be() -> None:
    assert encode({"b": "x", "a": 1}) == "a:1:::b:x"


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_what_is_written_is_read_again(config: dict[str, str]) -> None:
    text = encode(config)

    assert decode(text) == config
    assert not text.startswith("-")
