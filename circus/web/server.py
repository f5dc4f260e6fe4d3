"""The server of the web console."""

from circus_web.server import serve

__all__ = ["serve"]
