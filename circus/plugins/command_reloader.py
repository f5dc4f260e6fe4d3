"""The command reloader."""

from circus_plugins_builtin.plugins.command_reloader import CommandReloader

__all__ = ["CommandReloader"]
