"""The import names that programs written for Circus have; what they name is in ``circus_core``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from circus_core import __version__
from circus_core.compat.lazy import lazily

if TYPE_CHECKING:
    from circus_core.compat.handler import ArbiterHandler, get_arbiter
    from circus_core.embedding import Circus

__all__ = ["ArbiterHandler", "Circus", "__version__", "get_arbiter", "logger"]

logger: Final = logging.getLogger("circus")

__getattr__ = lazily(
    __name__,
    {
        "ArbiterHandler": "circus_core.compat.handler",
        "Circus": "circus_core.embedding",
        "get_arbiter": "circus_core.compat.handler",
    },
)
