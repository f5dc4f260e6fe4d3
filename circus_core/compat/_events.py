"""Events that a program publishes in the name of a watcher."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from circus_core.events import Event, res_name
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEvent(Event):
    """Whatever a program has to tell.

    :param what: the last word of the topic
    :param content: what is sent as JSON
    """

    action: ClassVar[str] = ""
    what: str
    content: Mapping[str, Any]

    @property
    def topic(self) -> str:
        return f"watcher.{res_name(self.watcher)}.{self.what}"

    def payload(self) -> dict[str, Any]:
        return dict(self.content)


def send(socket: Any, event: Event) -> None:
    """Send *event* over a ZeroMQ socket that the program has made."""
    socket.send_multipart([event.topic.encode(), json.dumps(event.payload()).encode()])
