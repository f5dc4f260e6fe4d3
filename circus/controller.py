"""Endpoints of an arbiter."""

from circus_core.compat.controller import Controller

__all__ = ["Controller"]
