"""Watchers."""

from circus_core.compat.watcher import Watcher

__all__ = ["Watcher"]
