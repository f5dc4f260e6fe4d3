"""Waiting for a condition, the only way that a test waits."""

from circus_core.testing import wait_for

__all__ = ["wait_for"]
