"""Figures of processes as text."""

from __future__ import annotations

from typing import Any

_COLUMNS = ("cmdline", "username", "nice", "mem_info1", "mem_info2", "cpu", "mem", "ctime")


def figures_line(info: Any) -> str:
    """Return a process-info object on one line; the text that stands for one that is gone, as it is."""
    if not isinstance(info, dict):
        return str(info)
    figures = " ".join(str(info.get(column, "N/A")) for column in _COLUMNS)
    return f"{info.get('pid', 'N/A')}  {figures}"


def figures_lines(pid: object, info: Any) -> list[str]:
    """Return a process and, indented, its children, each on one line."""
    children = info.get("children", []) if isinstance(info, dict) else []
    return [f"{pid}: {figures_line(info)}", *(f"   {figures_line(child)}" for child in children)]
