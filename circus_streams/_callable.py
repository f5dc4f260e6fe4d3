"""What code of earlier versions does with a stream: it calls it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from circus_core.interfaces import Chunk, Stream


class CallableStream(Stream):
    """A stream that also takes the mapping ``{"data", "pid", "name", "timestamp"}`` when it is called."""

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Write what *data* holds; text is taken as UTF-8."""
        content = data["data"]
        if isinstance(content, str):
            content = content.encode()
        moment = data.get("timestamp") or time.time()
        self.write(Chunk(content, data.get("pid", 0), data.get("name", "stdout"), "", 0, moment))
