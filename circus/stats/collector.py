"""What collects statistics."""

from circus_plugins_builtin.stats.collector import SocketStatsCollector, WatcherStatsCollector

__all__ = ["SocketStatsCollector", "WatcherStatsCollector"]
