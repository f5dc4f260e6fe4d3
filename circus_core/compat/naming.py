"""What dotted names and variables in text stand for."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib import reload as reload_module
from typing import Any

from circus_core import _dotted


def resolve_name(import_name: str, silent: bool = False, reload: bool = False) -> Any:
    """Import and return a module, or what ``package.module.name`` or ``package.module:name`` names.

    :param silent: return ``None`` for what cannot be imported
    :param reload: import the module anew
    :raises ImportError: it cannot be imported
    """
    try:
        return _resolve(import_name, reload=reload)
    except ImportError:
        if silent:
            return None
        raise


def _resolve(name: str, *, reload: bool) -> Any:
    module_name = name.partition(":")[0] if ":" in name else name.rpartition(".")[0]
    if reload and module_name in sys.modules:
        reload_module(sys.modules[module_name])
    try:
        return _dotted.load(name)
    except ImportError:
        if ":" in name:
            raise
        return import_module(name)


def replace_gnu_args(data: str, prefix: str | None = "circus", **options: Any) -> str:
    """Return *data* with ``$(prefix.name)`` and ``((prefix.name))`` replaced by the options, whatever the case.

    An option that is a mapping gives ``prefix.name.key``; what no option has stays.

    :param prefix: ``None`` for variables without one
    """
    found: dict[str, str] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}".lower(): str(each) for key, each in value.items()}
        else:
            found[name.lower()] = str(value)
    begin = "" if prefix is None else re.escape(prefix) + r"\."
    pattern = re.compile(rf"\$\({begin}([\w.-]+)\)|\(\({begin}([\w.-]+)\)\)", re.IGNORECASE)
    return pattern.sub(lambda match: found.get((match[1] or match[2]).lower(), match[0]), data)
