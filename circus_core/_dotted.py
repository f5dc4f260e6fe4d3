"""What a dotted path in a configuration names."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from circus_core._nearest import nearest


def load(path: str, *, method: str = "__init__") -> object:
    """Import and return ``package.module:name`` or ``package.module.name``; the name may be dotted itself.

    ``FILE.py:name`` is taken from a file, as is the one class that ``FILE.py`` defines.

    :param method: what that class has; others in the file do not count
    :raises ImportError: there is no such module or nothing of that name in it; whatever else the import raises passes
    """
    module_name, colon, attributes = path.partition(":")
    if module_name.endswith(".py"):
        module = _from_file(module_name)
        return _attribute(module, attributes, path) if colon else _only_class(module, path, method)
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
            near = nearest(attribute, dir(found))
            hint = f"; did you mean {near}?" if near else ""
            raise ImportError(f"{path!r}: {exc}{hint}") from exc
    return found


def _from_file(path: str) -> ModuleType:
    """Return the module in a file, which is not imported again while it stays the same path."""
    path = os.path.abspath(path)
    name = f"circus_file:{path}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise ImportError(f"{path!r}: there is no such file")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _only_class(module: ModuleType, path: str, method: str) -> object:
    own = [thing for thing in vars(module).values() if isinstance(thing, type) and thing.__module__ == module.__name__]
    classes = [thing for thing in own if hasattr(thing, method) and not thing.__name__.startswith("_")]
    if len(classes) != 1:
        names = ", ".join(thing.__name__ for thing in classes) or "none"
        raise ImportError(f"{path!r} has not one class but {names}; write {path}:NAME")
    return classes[0]
