"""A stream is checked with its options before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from circus_core._stream_options import check_options
from circus_core.errors import MessageError, OptionError
from circus_core.options import StreamConfig, WatcherConfig
from circus_core.registry import Registry
from circus_streams.file import FileStream
from circus_streams.syslog import SyslogStream


class Legacy:
    """Is never made, only looked at."""

    def __init__(self, path: str, mode: str = "w") -> None:
        raise AssertionError("it was made")

    def __call__(self, data: Mapping[str, Any]) -> None: ...


class Own(FileStream):
    """As a user's class on top of a built-in one, which may do anything when it is made."""

    def __init__(self, **options: Any) -> None:
        raise AssertionError("it was made")

    def __call__(self, data: Mapping[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("maker", "options"),
    [
        pytest.param(FileStream, {"filename": "/nowhere/x", "max_bytes": "10K", "unknown": "y"}, id="ours"),
        pytest.param(FileStream, {}, id="ours-without-options"),
        pytest.param(Legacy, {"path": "x"}, id="legacy"),
        pytest.param(Own, {"filename": "x"}, id="called"),
    ],
)
def test_good_options(maker: Callable[..., Any], options: Mapping[str, Any]) -> None:
    check_options(maker, options)


@pytest.mark.parametrize(
    ("maker", "options", "option", "said"),
    [
        pytest.param(FileStream, {"max_bytes": "lots"}, "max_bytes", "write a size", id="ours"),
        pytest.param(FileStream, {"max_bytes": -1}, "max_bytes", "write a size", id="a-json-number"),
        pytest.param(SyslogStream, {"address": "here"}, "address", "write the path of a socket", id="syslog"),
        pytest.param(
            Legacy, {}, "class", "cannot be made with no option: missing a required argument: 'path'", id="missing"
        ),
        pytest.param(
            Legacy,
            {"path": "x", "color": "y"},
            "class",
            "cannot be made with path, color: got an unexpected keyword argument 'color'",
            id="unknown",
        ),
    ],
)
def test_bad_options(maker: Callable[..., Any], options: Mapping[str, Any], option: str, said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        check_options(maker, options)
    assert caught.value.option == option


def test_a_watcher_with_a_bad_option_is_refused() -> None:
    config = WatcherConfig(name="web", stderr_stream=StreamConfig("SyslogStream", {"facility": "kernel"}))
    with pytest.raises(MessageError, match=r"\[watcher:web\] stderr_stream.facility = 'kernel': no such facility; "):
        Registry().require(config)


def test_a_stream_of_the_program_is_not_looked_at() -> None:
    Registry().require(WatcherConfig(name="web", stdout_stream=StreamConfig(print, {"any": "thing"})))
