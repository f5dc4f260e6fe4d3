"""The program that publishes statistics."""

from circus_plugins_builtin.stats.circusd_stats import main

__all__ = ["main"]
