"""``python -m circus.circusctl``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from circus_core.cli.circusctl import main
from circus_core.compat.lazy import lazily

if TYPE_CHECKING:
    from circus_core.compat.circusctl import USAGE, VERSION, CircusCtl, ControllerApp, parse_arguments, prettify

__all__ = ["USAGE", "VERSION", "CircusCtl", "ControllerApp", "main", "parse_arguments", "prettify"]

_NAMES = ("USAGE", "VERSION", "CircusCtl", "ControllerApp", "parse_arguments", "prettify")

__getattr__ = lazily(__name__, dict.fromkeys(_NAMES, "circus_core.compat.circusctl"))

if __name__ == "__main__":
    sys.exit(main())
