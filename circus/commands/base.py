"""The base class of commands."""

from circus_core.compat.commands import Command, error, ok

__all__ = ["Command", "error", "ok"]
