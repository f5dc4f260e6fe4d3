"""Asks for an argument that is not passed."""

from circus_core.hookspecs import hookimpl


@hookimpl
def circus_before_spawn(wids: int) -> bool:
    """Would refuse every spawn."""
    return False
