"""The side of the server of what browsers are told live."""

from circus_web.server import LiveSocket as StatsNamespace

__all__ = ["StatsNamespace"]
