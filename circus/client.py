"""Clients of the control endpoint."""

from typing import TYPE_CHECKING

from circus_core.client import CircusClient, cast_message, make_json, make_message
from circus_core.compat.lazy import lazily
from circus_core.errors import CallError

if TYPE_CHECKING:
    from circus_core.async_client import AsyncCircusClient

__all__ = ["AsyncCircusClient", "CallError", "CircusClient", "cast_message", "make_json", "make_message"]

__getattr__ = lazily(__name__, {"AsyncCircusClient": "circus_core.async_client"})
