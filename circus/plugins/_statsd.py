"""Another name of ``circus.plugins.statsd``."""

from circus_plugins_builtin.plugins.statsd import BaseObserver, FullStats, StatsdClient, StatsdEmitter

__all__ = ["BaseObserver", "FullStats", "StatsdClient", "StatsdEmitter"]
