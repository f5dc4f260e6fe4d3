"""What a message of the stats endpoint means."""

from __future__ import annotations

import json

import pytest

from circus_plugins_builtin.stats.client import Message, parse


@pytest.mark.parametrize(
    ("topic", "stat", "expected"),
    [
        pytest.param("stat.web", {"pid": [1]}, ("web", None, {"pid": [1]}), id="watcher"),
        pytest.param("stat.web.12", {"subtopic": 12}, ("web", "12", {"subtopic": 12}), id="process"),
        pytest.param("stat.my.web", {"pid": [1]}, ("my.web", None, {"pid": [1]}), id="watcher-with-a-dot"),
        pytest.param("stat.my.web.12", {"subtopic": 12}, ("my.web", "12", {"subtopic": 12}), id="its-process"),
        pytest.param("stat.9", {"pid": []}, ("9", None, {"pid": []}), id="watcher-that-looks-like-a-pid"),
        pytest.param("stat.sockets.7", {"subtopic": 7}, ("sockets", "7", {"subtopic": 7}), id="socket"),
        pytest.param("watcher.web.spawn", {"time": 1.0}, None, id="event"),
    ],
)
def test_message_is_split(topic: str, stat: dict[str, object], expected: Message | None) -> None:
    assert parse([topic.encode(), json.dumps(stat).encode()]) == expected


@pytest.mark.parametrize("frames", [[], [b"stat.web"], [b"stat.web", b"{"], [b"stat.web", b"[]"], [b"a", b"b", b"c"]])
def test_what_is_no_message_is_none(frames: list[bytes]) -> None:
    assert parse(frames) is None
