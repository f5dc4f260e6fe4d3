"""The watchdog."""

from circus_plugins_builtin.plugins.watchdog import WatchDog

__all__ = ["WatchDog"]
