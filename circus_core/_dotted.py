"""What a dotted path in a configuration names."""

from __future__ import annotations

from importlib import import_module


def load(path: str) -> object:
    """Import and return ``package.module:name`` or ``package.module.name``; the name may be dotted itself.

    :raises ImportError: there is no such module or nothing of that name in it; whatever else the import raises passes
    """
    module_name, colon, attributes = path.partition(":")
    if colon:
        return _attribute(import_module(module_name), attributes, path)
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        try:
            module = import_module(module_name)
        except ModuleNotFoundError as exc:
            # A module that fails for want of another one is there: its own error tells more.
            if length > 1 and exc.name is not None and f"{module_name}.".startswith(f"{exc.name}."):
                continue
            raise
        return _attribute(module, ".".join(parts[length:]), path)
    raise ImportError(f"{path!r} is no path such as package.module.name")


def _attribute(module: object, attributes: str, path: str) -> object:
    found = module
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as exc:
            raise ImportError(f"{path!r}: {exc}") from exc
    return found
