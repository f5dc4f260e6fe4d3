"""Errors."""

from circus_core.errors import AlreadyExistsError as AlreadyExist
from circus_core.errors import CallError, ConflictError, MessageError
from circus_core.errors import UsageError as ArgumentError

__all__ = ["AlreadyExist", "ArgumentError", "CallError", "ConflictError", "MessageError"]
