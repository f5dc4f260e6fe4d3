"""The resource watcher."""

from circus_plugins_builtin.plugins.resource_watcher import ResourceWatcher

__all__ = ["ResourceWatcher"]
