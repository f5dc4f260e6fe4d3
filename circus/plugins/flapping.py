"""The flapping plugin."""

from circus_plugins_builtin.plugins.flapping import Flapping

__all__ = ["Flapping"]
