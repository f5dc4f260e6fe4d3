"""The names for programs with gevent: the same arbiter, which needs no gevent."""

from circus_core.compat.green import get_arbiter

__all__ = ["get_arbiter"]
