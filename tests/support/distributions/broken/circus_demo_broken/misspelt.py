"""Answers a hook that there is not."""

from circus_core.hookspecs import hookimpl


@hookimpl
def circus_befor_spawn() -> bool:
    """Would refuse every spawn."""
    return False


@hookimpl
def circus_before_spawn() -> bool:
    """Would refuse every spawn; the module is left out whole."""
    return False
