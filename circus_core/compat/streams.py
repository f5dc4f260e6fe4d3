"""``get_stream``: a stream from a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circus_core.compat.naming import resolve_name
from circus_core.output import make_stream
from circus_core.output.legacy import LegacyStream
from circus_core.registry import Registry


def get_stream(conf: Mapping[str, Any] | None, reload: bool = False) -> Any:
    """Return the stream that a mapping describes, ``None`` for none.

    :param conf: ``stream``, an object; or ``class``, a class or the name of one, with its options
    :param reload: import the module of the class anew
    :raises ExtensionError: there is no such class
    """
    if not conf:
        return None
    if "stream" in conf:
        return conf["stream"]
    options = {name: value for name, value in conf.items() if name not in ("class", "refresh_time")}
    source = conf.get("class", "FileStream")
    if reload and isinstance(source, str) and "." in source:
        source = resolve_name(source, reload=True)
    made = make_stream(source, options, Registry().stream)
    return made.target if isinstance(made, LegacyStream) else made
