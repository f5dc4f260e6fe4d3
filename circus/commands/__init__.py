"""Commands."""

from circus_core.compat.commands import error, get_commands, ok

__all__ = ["error", "get_commands", "ok"]
