"""Numbers of errors in replies."""

from circus_core.compat.commands import (
    BAD_MSG_DATA_ERROR,
    COMMAND_ERROR,
    INVALID_JSON,
    MESSAGE_ERROR,
    NOT_SPECIFIED,
    OS_ERROR,
    UNKNOWN_COMMAND,
)

__all__ = [
    "BAD_MSG_DATA_ERROR",
    "COMMAND_ERROR",
    "INVALID_JSON",
    "MESSAGE_ERROR",
    "NOT_SPECIFIED",
    "OS_ERROR",
    "UNKNOWN_COMMAND",
]
