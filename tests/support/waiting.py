"""Waiting for a condition, the only way that a test waits."""

from circus_core.testing import PATIENCE, wait_for

__all__ = ["PATIENCE", "wait_for"]
