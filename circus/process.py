"""Processes."""

from circus_core.compat.process import DEAD_OR_ZOMBIE, OTHER, RUNNING, UNEXISTING, Process
from circus_core.compat.system import IS_WINDOWS

__all__ = ["DEAD_OR_ZOMBIE", "IS_WINDOWS", "OTHER", "RUNNING", "UNEXISTING", "Process"]
