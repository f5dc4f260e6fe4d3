"""``JsonStream``: one JSON object a line, for programs that collect logs."""

from __future__ import annotations

import json
from typing import Any, Final

from circus_core.interfaces import Chunk
from circus_streams.file import FileStream

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


class JsonStream(FileStream):
    """Write each line as ``{"time", "watcher", "wid", "pid", "stream", "message"}`` to standard output or a file.

    ``time`` is Unix time; what is no UTF-8 in the message is replaced. Without a ``filename`` they go to the
    daemon's standard output; a file is rotated as by ``FileStream``.
    """

    takes_raw = False

    def __init__(
        self, filename: str | None = None, max_bytes: int | str = 0, backup_count: int | str = 0, **_ignored: Any
    ):
        super().__init__(filename or "/dev/stdout", max_bytes, backup_count)

    def _render(self, chunk: Chunk) -> bytes:
        origin = {
            "time": round(chunk.time, 6),
            "watcher": chunk.watcher,
            "wid": chunk.wid,
            "pid": chunk.pid,
            "stream": chunk.name,
        }
        head = _encode(origin)[:-1] + ', "message": '
        lines = chunk.data.removesuffix(b"\n").decode(errors="replace").split("\n")
        return "".join([f"{head}{_encode(line)}}}\n" for line in lines]).encode()
