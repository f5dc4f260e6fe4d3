"""Arbiters."""

from circus_core.compat.arbiter import Arbiter
from circus_core.compat.threaded import ThreadedArbiter

__all__ = ["Arbiter", "ThreadedArbiter"]
