"""What samples and publishes statistics."""

from circus_plugins_builtin.stats.streamer import StatsStreamer

__all__ = ["StatsStreamer"]
