"""Pidfiles."""

from circus_core.compat.pidfile import Pidfile

__all__ = ["Pidfile"]
