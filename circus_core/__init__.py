"""Watchers, processes, sockets, and how they are driven: the core of Circus."""

from circus_core._version import __version__

__all__ = ["__version__"]
