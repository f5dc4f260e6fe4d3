"""Words and values, as ``circus.util`` converts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from circus_core import values
from circus_core._environment import expand_variables
from circus_core.accounts import find_group, find_user
from circus_core.procinfo import human_size


def to_bool(s: str | bool | None) -> bool:
    """Return the truth that a word such as ``yes`` or ``off`` stands for; none is false.

    :raises ValueError: it is another word
    """
    return values.boolean(s) if isinstance(s, str) else bool(s)


def to_signum(signum: str | int) -> int:
    """Return the number of a signal given by number, or by name with or without ``SIG``.

    :raises ValueError: there is no such signal
    """
    return values.signal_number(signum)


def to_uid(name: str | int) -> int:
    """Return the number of a user given by name or number.

    :raises ValueError: there is no such user
    """
    account = find_user(name)
    if isinstance(account, int):
        raise ValueError(f"no user of this machine has the number {account}")
    return account.pw_uid


def to_gid(name: str | int) -> int:
    """Return the number of a group given by name or number.

    :raises ValueError: there is no such group
    """
    return find_group(name)


def to_str(s: Any, encoding: str = "utf8", errors: str = "replace") -> str:
    """Return text as it is, bytes decoded, anything else as ``str`` shows it."""
    return s.decode(encoding, errors) if isinstance(s, bytes) else str(s)


def to_bytes(s: Any, encoding: str = "utf8") -> bytes:
    """Return bytes as they are, anything else as text encoded."""
    return s if isinstance(s, bytes) else str(s).encode(encoding)


def bytes2human(n: int) -> str:
    """Return a number of bytes as people read it, as in ``9.77K``.

    :raises TypeError: it is no whole number
    """
    if not isinstance(n, int):
        raise TypeError(n)
    return human_size(n)


def human2bytes(s: str) -> int:
    """Return the number of bytes that ``10K``, ``1.5M`` or ``2Gi`` stands for, in steps of 1024.

    :raises ValueError: it is no size, or has no unit
    """
    text = s.strip()
    if not text or text[-1].isdigit():
        raise ValueError(f"{s!r} has no unit; write K, M, G, T or B after the number")
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    return values.size(f"{number}{_UNITS.get(text[len(number) :].strip().lower(), text[len(number) :])}")


_UNITS = {"kilo": "k", "mega": "m", "giga": "g", "tera": "t", "peta": "p", "exa": "e", "zetta": "z"}


def parse_env_str(env_str: str) -> dict[str, str]:
    """Return the variables of ``A=1,B=2``, ``$NAME`` in them replaced from the environment.

    :raises ValueError: it is written otherwise
    """
    return parse_env_dict(values.environment(env_str))


def parse_env_dict(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables with ``$NAME`` in their values replaced from the environment."""
    return {name: expand_variables(str(value), os.environ) for name, value in env.items()}


def env_to_str(env: Mapping[str, Any] | None) -> str:
    """Return variables as ``A=1,B=2``."""
    return ",".join(f"{name}={value}" for name, value in sorted((env or {}).items()))


def convert_opt(key: str, val: Any) -> str:
    """Return the value of an option as text."""
    if key == "env":
        return env_to_str(val)
    return "" if val is None else str(val)
