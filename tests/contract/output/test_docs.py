"""The stream in the documentation works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from circus_core.output import Pump, make_stream
from circus_core.registry import Registry
from tests.support.output import Pipe, finish

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "logs.md"


def test_the_stream_of_the_page_writes_what_it_is_given(pump: Pump, log: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    exec(code, names)
    target = pump.target(make_stream(names["Shout"], {"path": str(log)}, Registry().stream), name="web stdout")
    pipe = Pipe(pump, target)
    pipe.write(b"hello\n")
    pipe.close()

    finish(pump, pipe.token)

    assert log.read_bytes() == b"HELLO\n"
    pump.close_target(target)
