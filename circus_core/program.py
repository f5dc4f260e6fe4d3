"""What a process of circusd is: which version, on which interpreter."""

from __future__ import annotations

import sys

from circus_core._version import __version__
from circus_core.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What an arbiter is.

    :param version: of circus
    :param python: path of the interpreter
    """

    version: str = __version__
    python: str = sys.executable

    def __str__(self) -> str:
        return f"circus {self.version} on {self.python}"
