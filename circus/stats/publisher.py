"""What publishes statistics."""

from circus_plugins_builtin.stats.publisher import StatsPublisher

__all__ = ["StatsPublisher"]
