"""Text to value: durations, sizes, signals, words.

Each parser takes the text of one value and raises :class:`ValueError` that says what is wrong, in lower case;
what to write instead is the business of the option.
"""

from __future__ import annotations

import math
import re
import shlex
import signal
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from circus_core._nearest import nearest

try:
    import resource
except ImportError:  # pragma: no cover - a system without limits has no option for them
    RLIMITS: Mapping[str, int] = {}
else:
    RLIMITS = {
        name.removeprefix("RLIMIT_").lower(): getattr(resource, name)
        for name in dir(resource)
        if name.startswith("RLIMIT_")
    }

TRUE: Final = ("yes", "true", "on", "1")
FALSE: Final = ("no", "false", "off", "0")
BOOLEANS: Final = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
INFINITE: Final = ("", "infinity", "unlimited", "-1")
SIZE_UNITS: Final = "kmgtpezy"
HIGHEST_SIGNAL: Final = 64
_QUOTING: Final = "'\"\\"


class Respawn(Enum):
    """Whether a process that ended is replaced."""

    ALWAYS = "always"
    NEVER = "never"
    ON_FAILURE = "on-failure"  # only after an exit code other than 0


class OnError(Enum):
    """What becomes of output that a stream does not take."""

    DROP = "drop"  # it is lost, and counted
    BLOCK = "block"  # it is tried again; the processes wait meanwhile


def on_error(text: str) -> OnError:
    """Return what to do with output that a stream does not take: ``drop`` or ``block``."""
    try:
        return OnError(text.strip().lower())
    except ValueError:
        raise ValueError(f"{text!r} is neither drop nor block") from None


def boolean(text: str) -> bool:
    """Return the truth that a word such as ``yes`` or ``off`` stands for."""
    try:
        return BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not a boolean") from None


def respawn(text: str) -> Respawn:
    """Return when to replace a process: a boolean word or ``on-failure``."""
    word = text.strip().lower().replace("_", "-")
    if word in BOOLEANS:
        return Respawn.ALWAYS if BOOLEANS[word] else Respawn.NEVER
    try:
        return Respawn(word)
    except ValueError:
        raise ValueError(f"{text!r} is neither a boolean nor on-failure") from None


def whole(text: str, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return a whole number."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError("not a whole number" if text.strip() else "empty") from None
    _check_range(number, minimum, maximum)
    return number


def number(text: str, *, minimum: float | None = None) -> float:
    """Return a finite number."""
    try:
        result = float(text)
    except ValueError:
        raise ValueError("not a number" if text.strip() else "empty") from None
    if not math.isfinite(result):
        raise ValueError("not a finite number")
    _check_range(result, minimum, None)
    return result


def seconds(text: str) -> float:
    """Return a duration in seconds, 0 or more."""
    return number(text, minimum=0)


def _check_range(value: float, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and value < minimum:
        raise ValueError(f"less than {minimum:g}")
    if maximum is not None and value > maximum:
        raise ValueError(f"more than {maximum:g}")


def size(text: str, *, maximum: int | None = None) -> int:
    """Return a number of bytes from ``4096``, ``64K``, ``1.5M`` or ``2GiB``: steps of 1024."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(?:([kmgtpezy])i?)?b?\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError("not a size")
    power = SIZE_UNITS.index(match[2].lower()) + 1 if match[2] else 0
    result = int(float(match[1]) * 1024**power) if "." in match[1] else int(match[1]) * 1024**power
    _check_range(result, None, maximum)
    return result


def signal_number(text: str | int) -> int:
    """Return the number of a signal: a number, 0 too, or ``INT``, ``SIGINT`` or ``SIGRTMIN+1`` in any case."""
    word = str(text).strip().upper()
    if re.fullmatch(r"\d+", word):
        result = int(word)
    else:
        match = re.fullmatch(r"(?:SIG)?(\w+?)(?:([+-])(\d+))?", word)
        base = getattr(signal, f"SIG{match[1]}", None) if match else None
        if not isinstance(base, signal.Signals) or match is None or (match[2] and not match[1].startswith("RT")):
            raise ValueError("not a signal")
        result = base + int(f"{match[2] or '+'}{match[3] or 0}")
    if result != 0 and result not in signal.valid_signals():
        raise ValueError("not a signal")
    return result


def stop_signal(text: str) -> int:
    """Return the number of a signal that can end a process."""
    result = signal_number(text)
    if result == 0:
        raise ValueError("signal 0 stops nothing")
    return result


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list written with spaces, newlines or commas."""
    return tuple(text.replace(",", " ").split())


def split_words(text: str) -> list[str]:
    """Split as a shell does.

    :raises ValueError: a quote is not closed, or nothing follows a backslash
    """
    is_simple = text.isascii() and text.isprintable() and not any(mark in text for mark in _QUOTING)
    return text.split() if is_simple else shlex.split(text)


def paths(text: str) -> tuple[str, ...]:
    """Return the paths of a list written with spaces or newlines."""
    return tuple(text.split())


def octal(text: str) -> int:
    """Return a file mode or mask written in octal, such as ``022``."""
    if not re.fullmatch(r"\s*(0o)?[0-7]+\s*", text) or int(text, 8) > 0o777:
        raise ValueError("not an octal number from 000 to 777")
    return int(text, 8)


_LARGEST_LIMIT: Final = 2**63 - 1


def rlimit(text: str) -> int | None:
    """Return the value of a resource limit; ``None`` is infinity."""
    return None if text.strip().lower() in INFINITE else whole(text, minimum=0, maximum=_LARGEST_LIMIT)


def rlimit_name(text: str) -> str:
    """Return the name of a resource limit, such as ``nofile``, as :data:`RLIMITS` has it."""
    name = text.strip().lower()
    if name not in RLIMITS:
        raise ValueError("not a resource limit of this system")
    return name


def rlimit_number(name: str) -> int:
    """Return the number that the system has for a resource limit.

    :raises ValueError: it has none of this name
    """
    return RLIMITS[rlimit_name(name)]


def environment(text: str) -> dict[str, str]:
    """Return the variables of ``A=1,B=2``. A comma inside a value stays one when no ``NAME=`` follows it."""
    result: dict[str, str] = {}
    for item in re.split(r",(?=\s*[^=,\s]+=)", text):
        if not item.strip():
            continue
        name, separator, value = item.partition("=")
        if not separator or not name.strip():
            raise ValueError(f"{item.strip()!r} is not NAME=VALUE")
        result[name.strip()] = value.strip()
    return result


def hint(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'X'?`` or, when no name is near, nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""
