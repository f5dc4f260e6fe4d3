"""Figures of many processes as figures of their watcher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from circus_core.procinfo import UNREADABLE


def aggregate(infos: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``pid``, the pids; ``cpu``, their mean; ``mem``, the sum; ``age``, the highest; what nobody knows is N/A.

    :param infos: pid to process-info object
    """
    cpu, mem, age = (_numbers(infos.values(), key) for key in ("cpu", "mem", "age"))
    nothing = UNREADABLE if infos else 0.0
    return {
        "pid": list(infos),
        "cpu": round(sum(cpu) / len(cpu), 2) if cpu else nothing,
        "mem": round(sum(mem), 3) if mem else nothing,
        "age": max(age) if age else UNREADABLE,
    }


def _numbers(infos: Iterable[Mapping[str, Any]], key: str) -> list[float]:
    return [value for info in infos if isinstance(value := info.get(key), (int, float))]
