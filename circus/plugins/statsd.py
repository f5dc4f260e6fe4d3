"""Statsd plugins, and the base of those that observe."""

from circus_plugins_builtin.plugins.statsd import BaseObserver, FullStats, StatsdClient, StatsdEmitter

__all__ = ["BaseObserver", "FullStats", "StatsdClient", "StatsdEmitter"]
