"""Threads."""

from threading import RLock, Thread, Timer, get_ident

__all__ = ["RLock", "Thread", "Timer", "get_ident"]
