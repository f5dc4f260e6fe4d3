"""The base class of plugins and the program that runs them."""

from circus_core.cli.plugin import main
from circus_core.compat.plugins import get_plugin_cmd
from circus_core.plugin import CircusPlugin
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER, DEFAULT_ENDPOINT_SUB

__all__ = ["DEFAULT_ENDPOINT_DEALER", "DEFAULT_ENDPOINT_SUB", "CircusPlugin", "get_plugin_cmd", "main"]
