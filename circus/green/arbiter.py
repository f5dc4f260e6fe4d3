"""Arbiters."""

from circus_core.compat.arbiter import Arbiter

__all__ = ["Arbiter"]
