"""The HTTP observer."""

from circus_plugins_builtin.plugins.http_observer import HttpObserver

__all__ = ["HttpObserver"]
