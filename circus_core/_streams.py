"""What the options of the built-in streams may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from circus_core import values

_COLORS: Final = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")


def _rotate_when(text: str) -> str:
    if not re.fullmatch(r"[SMHD]|MIDNIGHT|W[0-6]", text.strip(), re.IGNORECASE):
        raise ValueError("no time to rotate")
    return text


def _color(text: str) -> str:
    if text.strip().lower() not in _COLORS:
        raise ValueError("not a color")
    return text


_SIZE: Final = (values.size, "write a number of bytes such as 4096, 64K or 10M, 0 for no limit")
_COUNT: Final = (partial(values.whole, minimum=0), "write a whole number, 0 or more")
_CHECKS: Final[Mapping[str, Mapping[str, tuple[Callable[[str], Any], str]]]] = {
    "FileStream": {"max_bytes": _SIZE, "backup_count": _COUNT},
    "WatchedFileStream": {},
    "TimedRotatingFileStream": {
        "backup_count": _COUNT,
        "rotate_when": (_rotate_when, "write S, M, H, D, MIDNIGHT or W0 to W6"),
        "rotate_interval": (partial(values.whole, minimum=1), "write a whole number from 1"),
        "utc": (values.boolean, "write yes or no"),
    },
    "FancyStdoutStream": {"color": (_color, f"write one of {', '.join(_COLORS)}")},
}


def stream_problems(class_name: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (option, why, fix) of each option that a built-in stream cannot have; others check their own."""
    is_ours = class_name.startswith(("circus.stream", "circus_streams."))
    short = re.split(r"[.:]", class_name)[-1] if is_ours else class_name
    for option, (check, fix) in _CHECKS.get(short, {}).items():
        if option not in options:
            continue
        try:
            check(str(options[option]))
        except ValueError as exc:
            yield option, str(exc), fix
