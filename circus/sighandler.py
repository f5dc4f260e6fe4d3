"""Signals of a program."""

from circus_core.compat.sighandler import SIGNALS, SysHandler

__all__ = ["SIGNALS", "SysHandler"]
