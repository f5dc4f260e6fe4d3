"""Clients."""

from circus_core.client import CircusClient

__all__ = ["CircusClient"]
