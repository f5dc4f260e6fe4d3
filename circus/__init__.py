"""The import names that programs written for Circus have; what they name is in ``circus_core``."""

from __future__ import annotations

import logging
from typing import Final

from circus_core import __version__

__all__ = ["__version__", "logger"]

logger: Final = logging.getLogger("circus")
