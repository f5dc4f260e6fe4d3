"""Options of watchers in messages."""

from circus_core.compat.command_options import convert_option, validate_option

__all__ = ["convert_option", "validate_option"]
