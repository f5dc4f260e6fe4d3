"""``StdoutStream``: what circusd itself prints to."""

from __future__ import annotations

from typing import Any

from circus_streams._file_stream import BaseFileStream


class StdoutStream(BaseFileStream):
    """Copy what the processes write to the daemon's standard output."""

    def __init__(self, **_ignored: Any) -> None:
        super().__init__("/dev/stdout")
