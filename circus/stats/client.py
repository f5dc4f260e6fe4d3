"""The client of the stats endpoint; ``circus-top``."""

from circus_plugins_builtin.stats.client import StatsClient
from circus_plugins_builtin.stats.top.circus_top import main

__all__ = ["StatsClient", "main"]
