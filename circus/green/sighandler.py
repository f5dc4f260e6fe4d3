"""Signals of a program."""

from circus_core.compat.sighandler import SysHandler

__all__ = ["SysHandler"]
