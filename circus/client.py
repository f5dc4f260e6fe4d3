"""Clients of the control endpoint."""

from circus_core.client import CircusClient, cast_message, make_json, make_message

__all__ = ["CircusClient", "cast_message", "make_json", "make_message"]
